/** How a person likes to watch. Kept in the browser. */

import { SIZES, type Size } from "./size.ts";

const KEY = "tapedeck.watching";

interface Choices {
  skipsIdle: boolean;
  trail: boolean;
  size: Size;
}

let current = $state.raw<Choices>(kept());

export function choices(): Choices {
  return current;
}

export function choose(change: Partial<Choices>): void {
  current = { ...current, ...change };
  localStorage.setItem(KEY, JSON.stringify(current));
}

function kept(): Choices {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const defaults: Choices = { skipsIdle: false, trail: !still, size: "fit" };
  let value: unknown;
  try {
    value = JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    // Whatever was kept is not ours, and is written over by the next choice.
    return defaults;
  }
  const { skipsIdle, trail, size } = (value ?? {}) as Record<string, unknown>;
  return {
    skipsIdle: skipsIdle === true,
    trail: typeof trail === "boolean" ? trail : defaults.trail,
    size: SIZES.find((option) => option === size) ?? defaults.size,
  };
}
