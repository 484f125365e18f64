import type { eventWithTime } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import { continues, joined, type Piece } from "./pieces.ts";

function piece(name: string, ...events: [timestamp: number, source?: number][]): Piece {
  return {
    name,
    events: events.map(
      ([timestamp, source = 0]) => ({ type: 3, timestamp, data: { source } }) as eventWithTime,
    ),
  };
}

function times(...pieces: Piece[]): number[] {
  return joined(pieces).map((event) => event.timestamp);
}

describe("joined", () => {
  it("leaves what is in order as it is", () => {
    expect(times(piece("a", [1], [2], [2]), piece("b", [3], [4]))).toEqual([1, 2, 2, 3, 4]);
  });

  it("moves what was cut within a millisecond behind the end of the piece before", () => {
    expect(times(piece("a", [1], [5]), piece("b", [5], [5], [9]))).toEqual([1, 5, 6, 6, 9]);
  });

  it("loses nothing where a clock was set back", () => {
    expect(times(piece("a", [1000]), piece("b", [400], [1500]), piece("c", [1500]))).toEqual([
      1000, 1001, 1500, 1501,
    ]);
  });

  it("leaves positions of the pointer at their time", () => {
    expect(times(piece("a", [1], [500]), piece("b", [300, 1], [600, 1], [700]))).toEqual([
      1, 300, 500, 600, 700,
    ]);
  });
});

describe("continues", () => {
  const [a, b, c, d] = [piece("a"), piece("b"), piece("c"), piece("d")];

  it.each([
    ["the same", [a, b], [a, b], true],
    ["more", [a, b], [a, b, c], true],
    ["less at the start", [a, b, c], [b, c, d], true],
    ["less at the end", [a, b, c], [a, b], true],
    ["others", [a, b], [c, d], true],
    ["more before", [b, c], [a, b, c], false],
    ["one in the middle", [a, c], [a, b, c], false],
    ["one left out", [a, b, c], [a, c], false],
    ["nothing", [a], [], false],
  ])("%s", (_name, now, next, expected) => {
    expect(continues(now, next)).toBe(expected);
  });
});
