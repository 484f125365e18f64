import { chunkName, type Manifest } from "./manifest.ts";

/** A stretch in which the visitor did nothing and nothing of note happened. The end is exclusive. */
export interface Idle {
  fromMs: number;
  toMs: number;
}

/** Shorter silences are how people read. */
export const IDLE_MS_MIN = 10_000;
/** What is left of a silence on either side, so that one sees what it follows and what ends it. */
const LEAD_OUT_MS = 2_000;
const LEAD_IN_MS = 1_000;

/**
 * The idle stretches of a session, by time.
 *
 * Of a chunk that has been read (`activity` by chunk name) the moments are known; of another the manifest tells the first and the last, and all
 * between them counts as active. Page loads, errors and markers are never skipped.
 */
export function idleStretches(
  manifest: Manifest,
  activity: (chunk: string) => readonly number[] | undefined,
): Idle[] {
  const busy: [number, number][] = [[manifest.started_ms, manifest.started_ms]];
  for (const { page, first_ms, chunks } of manifest.pages) {
    busy.push([first_ms, first_ms]);
    for (const { seq, hash, active } of chunks) {
      const moments = activity(chunkName(page, seq, hash));
      if (moments !== undefined) for (const ms of moments) busy.push([ms, ms]);
      else if (active !== undefined) busy.push(active);
    }
  }
  for (const { at } of [...manifest.errors, ...manifest.markers]) busy.push([at.at_ms, at.at_ms]);
  busy.sort((a, b) => a[0] - b[0]);

  const stretches: Idle[] = [];
  let lastMs = manifest.started_ms;
  for (const [fromMs, toMs] of [...busy, [manifest.ended_ms, manifest.ended_ms] as const]) {
    if (fromMs - lastMs >= IDLE_MS_MIN)
      stretches.push({ fromMs: lastMs + LEAD_OUT_MS, toMs: fromMs - LEAD_IN_MS });
    lastMs = Math.max(lastMs, toMs);
  }
  return stretches;
}

/** The stretch that a moment lies in, or null. */
export function idleAt(stretches: readonly Idle[], timeMs: number): Idle | null {
  return stretches.find(({ fromMs, toMs }) => fromMs <= timeMs && timeMs < toMs) ?? null;
}
