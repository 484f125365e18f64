import { expect, test } from "vitest";
import { STORM_CHARS, STORMS_MAX, StormGate } from "../src/storm.js";

const START_MS = 1_700_000_000_000;

test("a busy page is no storm", () => {
  const gate = new StormGate();
  for (let second = 0; second < 60; second++)
    expect(gate.add(STORM_CHARS / 10, START_MS + second * 1_000)).toBeUndefined();
});

test("storms let the DOM go for longer and longer, in the end for good", () => {
  const gate = new StormGate();
  const rests = Array.from({ length: STORMS_MAX }, (_, i) =>
    gate.add(STORM_CHARS + 1, START_MS + i * 60_000),
  );
  expect(rests).toEqual([5_000, 10_000, 20_000, Number.POSITIVE_INFINITY]);
});
