import type { eventWithTime } from "@rrweb/types";
import { expect, it } from "vitest";
import type { Manifest } from "../session/manifest.ts";
import { stepFrom } from "./steps.ts";

const chunk = (seq: number, first_ms: number, last_ms: number) => ({
  seq,
  hash: "00000000",
  first_ms,
  last_ms,
  bytes: 1,
  inflated_bytes: 1,
  events: 1,
  checkpoints: [[first_ms, 0]] as [number, number][],
});
const manifest: Manifest = {
  started_ms: 0,
  ended_ms: 400,
  users: [],
  pages: [
    { page: "a", first_ms: 0, last_ms: 180, chunks: [chunk(0, 0, 90), chunk(1, 100, 180)] },
    { page: "b", first_ms: 200, last_ms: 399, chunks: [chunk(0, 200, 399)] },
  ],
  errors: [],
  errors_omitted: 0,
  markers: [],
};
const change = (timestamp: number) =>
  ({ type: 3, timestamp, data: { source: 0 } }) as eventWithTime;
const move = (timestamp: number) =>
  ({ type: 3, timestamp, data: { source: 1, positions: [] } }) as unknown as eventWithTime;
const pieces = [
  { name: "a-00000-00000000", events: [change(0), change(40), move(60), change(90)] },
];

it.each([
  [0, 1, 40],
  [40, 1, 90],
  [90, -1, 40],
  [60, -1, 40],
  // Where what is loaded ends, the next chunk begins; where the page ends, the other is shown.
  [90, 1, 100],
  [180, 1, 200],
  [200, -1, 199],
  [399, 1, 399],
  [0, -1, 0],
] as const)("from %i in direction %i to %i", (fromMs, direction, toMs) => {
  expect(Math.max(0, stepFrom(manifest, pieces, fromMs, direction))).toBe(toMs);
});
