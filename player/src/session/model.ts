import type { Summary } from "../load/summary.ts";
import type { Moment } from "../source/source.ts";
import {
  type Chunk,
  chunkName,
  type ErrorMark,
  type Manifest,
  type Marker,
  type NewerChunk,
  type Page,
} from "./manifest.ts";

/** A chunk that is not in the manifest, and what was learned of it by fetching it. */
export interface LearnedChunk extends NewerChunk {
  inflatedBytes: number;
  summary: Summary;
}

/** The time of a moment within a session, in Unix milliseconds. */
export function timeOf({ started_ms, ended_ms }: Manifest, at: Moment): number {
  const time = at === "start" ? started_ms : at === "end" ? ended_ms : at;
  return Math.min(Math.max(time, started_ms), ended_ms - 1);
}

/**
 * The manifest of what can be played: `manifest`'s chunks and the learned ones, without the lost ones. Null: nothing is known yet.
 *
 * What the manifest derives from its chunks is derived anew for the pages that differ.
 */
export function modelOf(
  manifest: Manifest | null,
  learned: readonly LearnedChunk[],
  lost: ReadonlySet<string>,
): Manifest | null {
  const pages = new Map<string, Page>();
  for (const page of manifest?.pages ?? []) {
    pages.set(page.page, without(page, lost));
  }
  const known = new Set(
    (manifest?.pages ?? []).flatMap((page) => page.chunks.map((chunk) => nameOf(page, chunk))),
  );
  const errors: ErrorMark[] = [...(manifest?.errors ?? [])];
  const markers: Marker[] = [...(manifest?.markers ?? [])];
  let environment = manifest?.environment;
  const fresh = learned.filter((ref) => !known.has(chunkName(ref.page, ref.seq, ref.hash)));
  for (const { page: id, seq, hash, bytes, inflatedBytes, summary } of fresh) {
    if (summary.events === 0) continue;
    const page = pages.get(id) ?? { page: id, first_ms: 0, last_ms: 0, chunks: [] };
    const { first_ms, last_ms, events, checkpoints, active } = summary;
    const chunk = {
      seq,
      hash,
      first_ms,
      last_ms,
      bytes,
      inflated_bytes: inflatedBytes,
      events,
      checkpoints,
      ...(active === undefined ? {} : { active }),
    };
    const opening = page.opening ?? summary.opening;
    pages.set(id, {
      ...page,
      ...(opening === undefined ? {} : { opening }),
      chunks: [...page.chunks, chunk].sort((a, b) => a.seq - b.seq || (a.hash < b.hash ? -1 : 1)),
    });
    environment ??= summary.environment;
    for (const { at_ms, type, message } of summary.errors)
      errors.push({ at: { at_ms, page: id }, type, message });
    for (const { at_ms, label } of summary.navigations) {
      markers.push({ at: { at_ms, page: id }, kind: "navigation", label });
    }
  }
  const filled = [...pages.values()]
    // Of a page load that is lost the manifest still tells when it was.
    .map((page) =>
      page.chunks.length === 0
        ? page
        : {
            ...page,
            first_ms: Math.min(...page.chunks.map((chunk) => chunk.first_ms)),
            last_ms: Math.max(...page.chunks.map((chunk) => chunk.last_ms)),
          },
    )
    .sort((a, b) => a.first_ms - b.first_ms || (a.page < b.page ? -1 : 1));
  if (filled.every((page) => page.chunks.length === 0)) return null;
  // Lost chunks leave the session as long as it was: they are holes in it.
  const firsts = filled.map((page) => page.first_ms);
  const lasts = filled.map((page) => page.last_ms + 1);
  if (manifest !== null) {
    firsts.push(manifest.started_ms);
    lasts.push(manifest.ended_ms);
  }
  return {
    users: [],
    errors_omitted: 0,
    ...manifest,
    started_ms: Math.min(...firsts),
    ended_ms: Math.max(...lasts),
    ...(environment === undefined ? {} : { environment }),
    pages: filled,
    errors: errors.sort((a, b) => a.at.at_ms - b.at.at_ms),
    markers: markers.sort((a, b) => a.at.at_ms - b.at.at_ms),
  };
}

/** `page` without its lost chunks. Those at its end leave a gap of their own: nothing comes behind them that could tell of it. */
function without(page: Page, lost: ReadonlySet<string>): Page {
  const chunks = page.chunks.filter((chunk) => !lost.has(nameOf(page, chunk)));
  const [kept, last] = [chunks.at(-1), page.chunks.at(-1)];
  if (last === undefined || kept === last) return { ...page, chunks };
  const gap: [number, number] = [kept?.last_ms ?? page.first_ms, last.last_ms + 1];
  return { ...page, chunks, gaps: [...(page.gaps ?? []), gap] };
}

/** The URL that a page load had at `time`: the one it was opened with, or the last it navigated to within. */
export function urlAt(manifest: Manifest, pageId: string, time: number): string | null {
  let url = manifest.pages.find((page) => page.page === pageId)?.opening?.url ?? null;
  for (const { at, kind, label } of manifest.markers) {
    if (at.at_ms > time) break;
    if (kind === "navigation" && at.page === pageId && label !== "") url = resolved(label, url);
  }
  return url;
}

function resolved(label: string, base: string | null): string {
  return URL.parse(label, base ?? undefined)?.href ?? label;
}

function nameOf(page: Page, chunk: Chunk): string {
  return chunkName(page.page, chunk.seq, chunk.hash);
}
