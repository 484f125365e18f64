/**
 * Which chunks show a moment. Pure: everything follows from the manifest and the time.
 *
 * Cases are in tests/vectors/plan.json.
 */

import { type Chunk, chunkName, type Manifest, type Page } from "./manifest.ts";

export interface Plan {
  page: string;
  /** The moment that can be shown: the time asked for, or the page's first checkpoint where none lies before. Null: no checkpoint at all. */
  showsMs: number | null;
  /** Chunks that must be there first, in order: from the checkpoint's to the one that holds the moment. */
  needed: string[];
  /** Chunks that come next, bounded by {@link Lookahead}, of this page or of the one that is shown then. */
  ahead: string[];
  /** What is missing between the checkpoint and the moment: so the picture may lack changes. */
  holes: Hole[];
}

/** A stretch of a page's time of which nothing is there. The end is exclusive. */
export interface Hole {
  page: string;
  fromMs: number;
  toMs: number;
}

export interface Lookahead {
  ms: number;
  chunksMax: number;
}

/**
 * The page load to show at `time`: of those that have begun, the one with which the visitor was last; before the first, the first. Page loads
 * without a checkpoint count only if no other has one. Null: no page load at all.
 */
export function pageAt(manifest: Manifest, time: number): string | null {
  const showable = manifest.pages.filter((page) =>
    page.chunks.some((chunk) => chunk.checkpoints.length > 0),
  );
  const pages = showable.length > 0 ? showable : manifest.pages;
  let best: { page: Page; activeMs: number } | null = null;
  for (const page of pages) {
    if (page.first_ms > time) continue;
    const activeMs = lastActive(page, time);
    if (best === null || activeMs >= best.activeMs) best = { page, activeMs };
  }
  const first = pages.reduce<Page | null>(
    (a, b) => (a === null || b.first_ms < a.first_ms ? b : a),
    null,
  );
  return (best?.page ?? first)?.page ?? null;
}

/** The chunks for showing `page` at `time`, and for going on from there. */
export function plan(manifest: Manifest, pageId: string, time: number, lookahead: Lookahead): Plan {
  const page = manifest.pages.find((page) => page.page === pageId);
  if (page === undefined) return { page: pageId, showsMs: null, needed: [], ahead: [], holes: [] };
  const shown = showing(page, time);
  const ahead: string[] = [];
  const add = (name: string) => {
    if (ahead.length < lookahead.chunksMax && !shown.needed.includes(name) && !ahead.includes(name))
      ahead.push(name);
  };
  const untilMs = (shown.showsMs ?? time) + lookahead.ms;
  const goOn = (page: Page, end: number, untilMs: number) => {
    for (const chunk of page.chunks.slice(end)) {
      if (chunk.first_ms > untilMs) break;
      add(nameOf(page, chunk));
    }
  };
  const next = switches(manifest, pageId, time, untilMs);
  goOn(page, shown.end, next[0]?.atMs ?? untilMs);
  next.forEach(({ atMs, page }, index) => {
    const then = showing(page, atMs);
    for (const name of then.needed) add(name);
    goOn(page, then.end, next[index + 1]?.atMs ?? untilMs);
  });
  return { page: pageId, showsMs: shown.showsMs, needed: shown.needed, ahead, holes: shown.holes };
}

/** The next moment after `time` at which {@link pageAt} or {@link plan} may answer otherwise. Infinite: none. */
export function nextChange(manifest: Manifest, time: number): number {
  let next = Number.POSITIVE_INFINITY;
  for (const page of manifest.pages) {
    for (const { first_ms, last_ms, active = [] } of page.chunks) {
      for (const ms of [first_ms, last_ms, ...active]) if (ms > time && ms < next) next = ms;
    }
  }
  return next;
}

/** A stretch of the session in which one page load is shown. The end is exclusive. */
export interface Segment {
  page: string;
  fromMs: number;
  toMs: number;
}

/** Which page load is shown when, over the whole session. */
export function segments(manifest: Manifest): Segment[] {
  const first = pageAt(manifest, manifest.started_ms);
  if (first === null) return [];
  const changes = [
    { atMs: manifest.started_ms, id: first },
    ...switches(manifest, first, manifest.started_ms, manifest.ended_ms).map(({ atMs, page }) => ({
      atMs,
      id: page.page,
    })),
  ];
  return changes.map(({ atMs, id }, index) => ({
    page: id,
    fromMs: atMs,
    toMs: changes[index + 1]?.atMs ?? manifest.ended_ms,
  }));
}

/** All holes of a page, in order: missing seqs from 0 to its last, where something comes before. */
export function holesOf(page: Page): Hole[] {
  const holes: Hole[] = (page.gaps ?? []).map(([fromMs, toMs]) => ({
    page: page.page,
    fromMs,
    toMs,
  }));
  let before: Chunk | null = null;
  for (const chunk of page.chunks) {
    if (before !== null && chunk.seq > before.seq + 1 && chunk.first_ms > before.last_ms) {
      holes.push({ page: page.page, fromMs: before.last_ms, toMs: rightFrom(chunk) });
    }
    before = chunk;
  }
  return holes.sort((a, b) => a.fromMs - b.fromMs);
}

/** From when a chunk behind a hole shows the right picture: where it begins with a checkpoint, only from the full snapshot on. */
export function rightFrom(chunk: Chunk): number {
  const [checkpoint] = chunk.checkpoints;
  if (checkpoint === undefined) return chunk.first_ms;
  const [snapshotMs, metaIndex] = checkpoint;
  return metaIndex <= 1 ? Math.max(snapshotMs, chunk.first_ms) : chunk.first_ms;
}

function showing(
  page: Page,
  time: number,
): { showsMs: number | null; needed: string[]; end: number; holes: Hole[] } {
  let from = -1;
  let checkpointMs = Number.NEGATIVE_INFINITY;
  let later: { index: number; ms: number } | null = null;
  page.chunks.forEach((chunk, index) => {
    for (const [ms] of chunk.checkpoints) {
      if (ms <= time && ms >= checkpointMs) {
        from = index;
        checkpointMs = ms;
      } else if (ms > time && (later === null || ms < later.ms)) {
        later = { index, ms };
      }
    }
  });
  let showsMs = time;
  if (from < 0) {
    const first = later as { index: number; ms: number } | null;
    if (first === null) return { showsMs: null, needed: [], end: page.chunks.length, holes: [] };
    from = first.index;
    checkpointMs = first.ms;
    showsMs = first.ms;
  }
  let end = from + 1;
  while (end < page.chunks.length && (page.chunks[end] as Chunk).first_ms <= showsMs) end++;
  return {
    showsMs,
    needed: page.chunks.slice(from, end).map((chunk) => nameOf(page, chunk)),
    end,
    holes: holesOf(page).filter((hole) => hole.fromMs >= checkpointMs && hole.fromMs < showsMs),
  };
}

/** The moments in (`fromMs`, `untilMs`] at which another page than `pageId` is to be shown, in order. */
function switches(
  manifest: Manifest,
  pageId: string,
  fromMs: number,
  untilMs: number,
): { atMs: number; page: Page }[] {
  const moments = new Set<number>();
  for (const page of manifest.pages) {
    moments.add(page.first_ms);
    for (const { active = [] } of page.chunks) for (const ms of active) moments.add(ms);
  }
  const found: { atMs: number; page: Page }[] = [];
  let current = pageId;
  for (const atMs of [...moments]
    .filter((ms) => ms > fromMs && ms <= untilMs)
    .sort((a, b) => a - b)) {
    const next = pageAt(manifest, atMs);
    if (next === null || next === current) continue;
    current = next;
    const page = manifest.pages.find((page) => page.page === next);
    if (page !== undefined) found.push({ atMs, page });
  }
  return found;
}

/** The last moment up to `time` of which a manifest tells that the visitor was with `page`. A page load begins with one. */
function lastActive(page: Page, time: number): number {
  let latest = page.first_ms;
  for (const { active = [] } of page.chunks) {
    for (const ms of active) if (ms <= time && ms > latest) latest = ms;
  }
  return latest;
}

function nameOf(page: Page, chunk: Chunk): string {
  return chunkName(page.page, chunk.seq, chunk.hash);
}
