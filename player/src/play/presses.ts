import type { Press } from "../entries/chunk.ts";
import { type Entry, isDead } from "../entries/entry.ts";

/** How a press looks on the picture. */
export interface Pressed extends Press {
  look: "click" | "dead" | "rage";
  /** Of rage: how many times by then. */
  times: number;
}

/** The defaults of `clicks` in spec/config.md, by which the indexer counts. */
const RAGE = { count: 3, ms: 1_000, px: 30 };
/** The recorder and rrweb note one click at almost the same moment. */
const SAME_CLICK_MS = 60;

/**
 * What to show of `presses`, which are of one page and in order.
 *
 * A press is of rage if it is one of {@link RAGE} `count` at almost the same place within `ms`, and dead if the recording tells that nothing came
 * of it. Rage is the stronger word.
 */
export function pressed(presses: readonly Press[], entries: readonly Entry[]): Pressed[] {
  const clicks = entries.filter((entry) => entry.kind === "click");
  return presses.map((press, index) => {
    const burst = burstOf(presses, index);
    if (burst.length >= RAGE.count)
      return { ...press, look: "rage", times: burst.indexOf(press) + 1 };
    const click = clicks.find(({ atMs }) => Math.abs(atMs - press.atMs) <= SAME_CLICK_MS);
    return { ...press, look: click !== undefined && isDead(click) ? "dead" : "click", times: 1 };
  });
}

/** The presses around one, each near the next in place and time. */
function burstOf(presses: readonly Press[], index: number): Press[] {
  const here = presses[index] as Press;
  const near = (press: Press) => Math.hypot(press.x - here.x, press.y - here.y) <= RAGE.px;
  let best: Press[] = [];
  for (let from = index; from >= 0; from--) {
    const first = presses[from] as Press;
    if (here.atMs - first.atMs > RAGE.ms) break;
    const burst = presses.filter(
      (press) => press.atMs >= first.atMs && press.atMs - first.atMs <= RAGE.ms && near(press),
    );
    if (burst.length > best.length) best = burst;
  }
  return best;
}
