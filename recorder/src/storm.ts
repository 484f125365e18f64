/**
 * When the page changes faster than is bearable to record: the DOM is let go for a while, longer each time, and in the end for good.
 */

/** Mutations may take this many UTF-16 units of JSON in {@link WINDOW_MS}: ten times what a busy page takes. */
export const STORM_CHARS = 5_000_000;
const WINDOW_MS = 5_000;
const REST_FIRST_MS = 5_000;
/** After so many storms on one page only errors are recorded. */
export const STORMS_MAX = 4;

export class StormGate {
  private windowMs = Number.NEGATIVE_INFINITY;
  private chars = 0;
  private storms = 0;

  /** Counts a mutation; says for how long to let the DOM go if it was too much, `Infinity` for good. */
  add(chars: number, nowMs: number): number | undefined {
    if (nowMs >= this.windowMs + WINDOW_MS || nowMs < this.windowMs) {
      this.windowMs = nowMs;
      this.chars = 0;
    }
    this.chars += chars;
    if (this.chars <= STORM_CHARS) return undefined;
    this.windowMs = Number.NEGATIVE_INFINITY;
    this.storms++;
    return this.storms >= STORMS_MAX
      ? Number.POSITIVE_INFINITY
      : REST_FIRST_MS * 2 ** (this.storms - 1);
  }
}
