import type { Manifest } from "../session/manifest.ts";
import { rightFrom, segments } from "../session/plan.ts";
import { isPosition, joined, type Piece } from "./pieces.ts";

/**
 * The moment of the next event after `timeMs` (`direction` 1), or of the last one before it (-1). Moves of the pointer are no events.
 *
 * `pieces` is what is loaded of the page load that is shown. Where it ends, the step goes to the next chunk's edge, and where another page load
 * is shown, to the change.
 */
export function stepFrom(
  manifest: Manifest,
  pieces: readonly Piece[],
  timeMs: number,
  direction: 1 | -1,
): number {
  const on = direction > 0;
  const loaded = eventBeside(pieces, timeMs, direction);
  const beside = loaded ?? chunkEdge(manifest, timeMs, on);
  const shown = segments(manifest).find(({ fromMs, toMs }) => fromMs <= timeMs && timeMs < toMs);
  if (shown === undefined) return beside;
  return on ? Math.min(beside, shown.toMs) : Math.max(beside, Math.min(timeMs, shown.fromMs) - 1);
}

function eventBeside(pieces: readonly Piece[], timeMs: number, direction: 1 | -1): number | null {
  const moments = joined(pieces)
    .filter((event) => !isPosition(event))
    .map(({ timestamp }) => timestamp);
  const found =
    direction > 0 ? moments.find((ms) => ms > timeMs) : moments.findLast((ms) => ms < timeMs);
  return found ?? null;
}

function chunkEdge({ pages, started_ms, ended_ms }: Manifest, timeMs: number, on: boolean): number {
  const chunks = pages.flatMap((page) => page.chunks);
  if (!on) {
    const ends = chunks.map(({ last_ms }) => last_ms).filter((ms) => ms < timeMs);
    return Math.max(started_ms, ...ends);
  }
  const starts = chunks.map(rightFrom).filter((ms) => ms > timeMs);
  return Math.min(ended_ms - 1, ...starts);
}
