/**
 * How much of each kind a page may record in a minute, so that one which throws or logs in a loop does not upload as fast as batches
 * fill. What is over is counted.
 */
import type { Tag } from "./events.js";

const WINDOW_MS = 60_000;
/** Events a minute. What is not named has no limit, because it cannot come fast. */
const PER_MINUTE: Partial<Record<Tag, number>> = {
  "tapedeck.error": 60,
  "tapedeck.console": 120,
  "tapedeck.request": 300,
  "tapedeck.custom": 600,
  "tapedeck.click": 120,
  "tapedeck.input": 120,
  "tapedeck.navigation": 120,
  "tapedeck.identify": 60,
  "tapedeck.longtask": 60,
};
/** Events a minute that say the same. */
const ALIKE_PER_MINUTE = 10;

/** What was not recorded. */
export interface LeftOut {
  readonly tag: Tag;
  events: number;
  readonly from_ms: number;
  to_ms: number;
}

export class Quota {
  private windowMs = Number.NEGATIVE_INFINITY;
  private counts = new Map<string, number>();
  private left = new Map<Tag, LeftOut>();

  /** Whether an event may be recorded at `nowMs`. `content` tells those that say the same; without it none do. */
  allows(tag: Tag, content: string | undefined, nowMs: number): boolean {
    if (nowMs >= this.windowMs + WINDOW_MS || nowMs < this.windowMs) {
      this.windowMs = nowMs;
      this.counts.clear();
    }
    const max = PER_MINUTE[tag];
    if (max === undefined) return true;
    // What says the same too often leaves room for what says something else.
    const isOver =
      (content !== undefined && this.count(`${tag} ${content}`) > ALIKE_PER_MINUTE) ||
      this.count(tag) > max;
    if (isOver) {
      const left = this.left.get(tag) ?? { tag, events: 0, from_ms: nowMs, to_ms: nowMs };
      left.events++;
      left.to_ms = nowMs + 1;
      this.left.set(tag, left);
    }
    return !isOver;
  }

  /** What was left out since this was asked last. */
  takeLeftOut(): LeftOut[] {
    const left = [...this.left.values()];
    this.left.clear();
    return left;
  }

  private count(of: string): number {
    const count = (this.counts.get(of) ?? 0) + 1;
    this.counts.set(of, count);
    return count;
  }
}
