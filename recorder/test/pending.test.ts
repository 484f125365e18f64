import { expect, test } from "vitest";
import { CUSTOM, FULL_SNAPSHOT, INCREMENTAL, META } from "../src/events.js";
import { type EventLine, halve, Pending } from "../src/pending.js";

const line = (type: number, length = 10): EventLine => ({
  line: "x".repeat(length),
  type,
  tag: undefined,
  timestamp: 1,
});
const types = (parts: [EventLine[], EventLine[]] | undefined) =>
  parts?.map((part) => part.map(({ type }) => type));
const byLength = (event: EventLine) => event.line.length;

test("a row is cut where its halves weigh about the same", () => {
  const events = [line(INCREMENTAL), line(INCREMENTAL), line(INCREMENTAL, 100), line(CUSTOM, 90)];
  expect(types(halve(events, byLength))).toEqual([[3, 3, 3], [5]]);
  expect(types(halve(events, () => 1))).toEqual([
    [3, 3],
    [3, 5],
  ]);
});

test("a checkpoint is never cut", () => {
  const events = [line(CUSTOM), line(META), line(FULL_SNAPSHOT, 1000), line(INCREMENTAL)];
  expect(types(halve(events, byLength))).toEqual([[5], [4, 2, 3]]);
  expect(halve([line(META), line(FULL_SNAPSHOT)], byLength)).toBeUndefined();
});

test("one event cannot be cut", () => {
  expect(halve([line(INCREMENTAL)], byLength)).toBeUndefined();
  expect(halve([], byLength)).toBeUndefined();
});

test("cutting until nothing can be cut ends, and loses and reorders nothing", () => {
  const events = Array.from({ length: 37 }, (_, i) => ({
    ...line(i % 9 === 0 ? META : i % 9 === 1 ? FULL_SNAPSHOT : INCREMENTAL),
    timestamp: i,
  }));
  const cut = (part: EventLine[]): EventLine[][] => halve(part, byLength)?.flatMap(cut) ?? [part];
  const pieces = cut(events);
  expect(pieces.flat()).toEqual(events);
  for (const piece of pieces)
    expect(piece.length === 1 || piece.map(({ type }) => type).join() === "4,2").toBe(true);
});

test("what is taken is gone", () => {
  const pending = new Pending();
  pending.push(line(INCREMENTAL));
  pending.push(line(INCREMENTAL));
  expect([pending.length, pending.chars]).toEqual([2, 22]);
  expect(pending.take()).toHaveLength(2);
  expect([pending.length, pending.chars, pending.take()]).toEqual([0, 0, []]);
});
