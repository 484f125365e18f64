import { expect, test } from "vitest";
import { FlushSchedule } from "../src/schedule.js";

test("waits grow to the longest, and later pages and tabs go on where a first page would be", () => {
  const schedule = new FlushSchedule(5_000, 60_000);
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    waits.push(schedule.waitMs);
    schedule.grow();
  }
  expect(waits).toEqual([5_000, 15_000, 45_000, 60_000, 60_000]);
  const at = (ageMs: number): number => new FlushSchedule(5_000, 60_000, ageMs).waitMs;
  expect([0, 4_999, 5_000, 19_999, 20_000, 64_999, 65_000, 600_000].map(at)).toEqual([
    5_000, 5_000, 15_000, 15_000, 45_000, 45_000, 60_000, 60_000,
  ]);
});

test("ten minutes of activity take no more than 13 uploads, the last at the page's end", () => {
  const schedule = new FlushSchedule(5_000, 60_000);
  let uploads = 1;
  for (let ms = schedule.waitMs; ms < 600_000; ms += schedule.waitMs) {
    uploads++;
    schedule.grow();
  }
  expect(uploads).toBeLessThanOrEqual(13);
});

test("errors are in a hurry, but less and less", () => {
  const schedule = new FlushSchedule(5_000, 60_000, 600_000);
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    waits.push(schedule.hurryMs);
    schedule.growHurry();
  }
  expect(waits).toEqual([5_000, 10_000, 20_000, 40_000, 60_000]);
});

test("the longest wait also bounds the first", () => {
  const schedule = new FlushSchedule(5_000, 1_000);
  expect([schedule.waitMs, schedule.hurryMs]).toEqual([1_000, 1_000]);
});
