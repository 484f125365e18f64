import { expect, test } from "vitest";
import { FlushSchedule } from "../src/schedule.js";

test("waits grow by half up to the longest, and start again after an error", () => {
  const schedule = new FlushSchedule(5_000, 12_000);
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    waits.push(schedule.waitMs);
    schedule.grow();
  }
  expect(waits).toEqual([5_000, 7_500, 11_250, 12_000]);
  schedule.reset();
  expect(schedule.waitMs).toBe(5_000);
});

test("the longest wait also bounds the first", () => {
  const schedule = new FlushSchedule(5_000, 1_000);
  expect(schedule.waitMs).toBe(1_000);
  schedule.reset();
  expect(schedule.waitMs).toBe(1_000);
});
