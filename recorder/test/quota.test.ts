import { expect, test } from "vitest";
import { Quota } from "../src/quota.js";

const START_MS = 1_700_000_000_000;

test("what says the same too often leaves room for what says something else", () => {
  const quota = new Quota();
  const allowed = (content: string, count: number) =>
    Array.from({ length: count }, () => quota.allows("tapedeck.error", content, START_MS)).filter(
      Boolean,
    ).length;
  expect(allowed("same", 1_000)).toBe(10);
  expect(allowed("other", 10)).toBe(10);
  expect(quota.takeLeftOut()).toEqual([
    { tag: "tapedeck.error", events: 990, from_ms: START_MS, to_ms: START_MS + 1 },
  ]);
  expect(quota.takeLeftOut()).toEqual([]);
});

test("a minute later there is room again, also when the clock was set back", () => {
  const quota = new Quota();
  for (let i = 0; i < 61; i++) quota.allows("tapedeck.error", `${i}`, START_MS);
  expect(quota.allows("tapedeck.error", "x", START_MS + 59_999)).toBe(false);
  expect(quota.allows("tapedeck.error", "x", START_MS + 60_000)).toBe(true);
  for (let i = 0; i < 61; i++) quota.allows("tapedeck.error", `${i}`, START_MS + 60_000);
  expect(quota.allows("tapedeck.error", "x", START_MS)).toBe(true);
});

test("what begins a page has no limit", () => {
  const quota = new Quota();
  for (let i = 0; i < 1_000; i++)
    expect(quota.allows("tapedeck.session", undefined, START_MS)).toBe(true);
});
