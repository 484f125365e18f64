// What the parts of the player's bench share.

import type { Browser } from "playwright-core";
import type { Stack } from "../../tests/harness/stack.ts";
import type { collect } from "../frame.ts";
import type { Line, Passed } from "./line.ts";
import type { Host } from "./rivals.ts";

export const LINE = { bitsPerS: 10_000_000, delayMs: 40 };

export interface Setting {
  stack: Stack;
  /** Where the others' players are. */
  host: Host;
  line: Line;
  browser: Browser;
  figure: ReturnType<typeof collect>["figure"];
  /** Tells whoever waits how far it is. */
  say: (what: string) => void;
}

/** Bytes of all that passed. */
export function sum(passed: readonly Passed[]): number {
  return passed.reduce((bytes, one) => bytes + one.bytes, 0);
}
