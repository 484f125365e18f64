import type { eventWithTime } from "@rrweb/types";
import { expect, it } from "vitest";
import { settleTimes } from "./settle.ts";

function settled(...events: unknown[]): unknown[] {
  return settleTimes(events as eventWithTime[]).map((event) => JSON.parse(JSON.stringify(event)));
}

const position = (x: number, timeOffset: number) => ({ x, y: 1, id: 7, timeOffset });

it("gives each position its own time", () => {
  const moves = {
    type: 3,
    timestamp: 500,
    data: { source: 1, positions: [position(1, -450), position(2, -20.4)] },
  };
  const text = { type: 3, timestamp: 300, data: { source: 0 } };
  expect(settled(text, moves)).toEqual([
    { type: 3, timestamp: 50, data: { source: 1, positions: [position(1, 0)] } },
    text,
    { type: 3, timestamp: 480, data: { source: 1, positions: [position(2, 0)] } },
  ]);
});

it("leaves out positions that are none, or claim to be far away in time", () => {
  const positions = [position(1, -9e9), { x: "1" }, null, position(2, 0)];
  expect(settled({ type: 3, timestamp: 500, data: { source: 6, positions } })).toEqual([
    { type: 3, timestamp: 500, data: { source: 6, positions: [position(2, 0)] } },
  ]);
});

it("gives a meta event the time of the snapshot that follows it", () => {
  const snapshot = { type: 2, timestamp: 1040, data: {} };
  const between = { type: 3, timestamp: 1020, data: { source: 1, positions: [position(1, 0)] } };
  expect(settled({ type: 4, timestamp: 1000, data: {} }, snapshot, between)).toEqual([
    between,
    { type: 4, timestamp: 1040, data: {} },
    snapshot,
  ]);
});

it("leaves a meta event alone that no snapshot follows", () => {
  const events = [
    { type: 4, timestamp: 1000, data: {} },
    { type: 0, timestamp: 1001, data: {} },
  ];
  expect(settled(...events)).toEqual(events);
});
