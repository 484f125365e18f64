import { expect, test } from "vitest";
import { FULL_SNAPSHOT, INCREMENTAL, META } from "../src/events.js";
import { LastMinute } from "../src/lastminute.js";
import type { EventLine } from "../src/pending.js";

const at = (second: number, type = INCREMENTAL, length = 10): EventLine => ({
  line: "x".repeat(length),
  type,
  tag: undefined,
  timestamp: second * 1_000,
});

test("it holds the last minute, begins with a checkpoint, and asks for one every half minute", () => {
  const minute = new LastMinute();
  const asked: number[] = [];
  let isDue = true;
  for (let second = 0; second < 300; second++) {
    if (isDue) {
      minute.push(at(second, META));
      minute.push(at(second, FULL_SNAPSHOT));
    }
    isDue = minute.push(at(second));
    if (isDue) asked.push(second);
  }
  expect(asked.slice(0, 3)).toEqual([30, 61, 92]);
  const events = minute.take();
  expect(events.slice(0, 2).map(({ type }) => type)).toEqual([META, FULL_SNAPSHOT]);
  const firstMs = events[0]?.timestamp ?? 0;
  expect(299_000 - firstMs).toBeGreaterThanOrEqual(60_000);
  expect(299_000 - firstMs).toBeLessThanOrEqual(95_000);
  expect(minute.take()).toEqual([]);
});

test("it is bounded in size, oldest first", () => {
  const minute = new LastMinute();
  for (let part = 0; part < 20; part++) {
    minute.push(at(part, META));
    expect(minute.push(at(part, FULL_SNAPSHOT, 1024 * 1024))).toBe(true);
  }
  const events = minute.take();
  expect(events.length).toBeLessThanOrEqual(8);
  expect(events[0]?.type).toBe(META);
  expect(events.at(-1)?.timestamp).toBe(19_000);
});
