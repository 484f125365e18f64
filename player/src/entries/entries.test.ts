import type { eventWithTime } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import type { Manifest } from "../session/manifest.ts";
import { FACTS_MAX, indexChunk } from "./chunk.ts";
import { Entries, indexAt } from "./entries.ts";

const line = (timestamp: number, text = "x") =>
  ({
    type: 5,
    timestamp,
    data: { tag: "tapedeck.console", payload: { args: [text] } },
  }) as eventWithTime;
const click = (timestamp: number, x: number) =>
  ({ type: 3, timestamp, data: { source: 2, type: 2, id: 1, x, y: 5 } }) as eventWithTime;

const chunk = (seq: number, first_ms: number, last_ms: number) => ({
  seq,
  hash: "00000000",
  first_ms,
  last_ms,
  bytes: 100,
  inflated_bytes: 100,
  events: 1,
  checkpoints: [],
});
const manifest: Manifest = {
  started_ms: 0,
  ended_ms: 300,
  users: [],
  pages: [
    {
      page: "aaaaaaaa",
      first_ms: 0,
      last_ms: 299,
      chunks: [chunk(0, 0, 99), chunk(1, 100, 199), chunk(2, 200, 299)],
    },
  ],
  errors: [],
  errors_omitted: 0,
  markers: [],
};
const name = (seq: number) => `aaaaaaaa-0000${seq}-00000000`;

describe("Entries", () => {
  it("are sorted by moment, whatever the order of the chunks, and each there once", () => {
    const entries = new Entries();
    entries.add(name(1), indexChunk([line(150), line(120)]));
    entries.add(name(0), indexChunk([line(20)]));
    entries.add(name(0), indexChunk([line(20)]));
    expect(entries.known(manifest)).toMatchObject({ chunksRead: 2, chunks: 3, bytesLeft: 100 });
    expect(entries.known(manifest).entries.map(({ id, atMs }) => [id, atMs])).toEqual([
      [`${name(0)}:0`, 20],
      [`${name(1)}:1`, 120],
      [`${name(1)}:0`, 150],
    ]);
  });

  it("tell what is unread, the nearest first", () => {
    const entries = new Entries();
    expect(entries.unread(manifest, 250)).toEqual([name(2), name(1), name(0)]);
    entries.add(name(2), indexChunk([]));
    expect(entries.unread(manifest, 250)).toEqual([name(1), name(0)]);
    expect(entries.unread(manifest, 250, [150, 250])).toEqual([name(1)]);
  });

  it("are bounded, and say what is left out", () => {
    const entries = new Entries(3);
    entries.add(name(0), indexChunk([line(1), line(2)]));
    entries.add(name(1), indexChunk([line(101), line(102)]));
    expect(entries.known(manifest)).toMatchObject({ omitted: 1, chunksRead: 2 });
    expect(entries.known(manifest).entries).toHaveLength(3);
    const many = indexChunk(Array.from({ length: FACTS_MAX + 2 }, (_, i) => line(i)));
    expect(many.facts).toHaveLength(FACTS_MAX);
    expect(many.omitted).toBe(2);
  });

  it("know where was pressed, and when something was done", () => {
    const entries = new Entries();
    entries.add(name(0), indexChunk([click(10, 1), click(400, 2), click(2_000, 3)]));
    expect(entries.presses("aaaaaaaa", 5, 500).map(({ x }) => x)).toEqual([1, 2]);
    expect(entries.presses("bbbbbbbb", 5, 500)).toEqual([]);
    expect(entries.activity(name(0))).toEqual([10, 2_000]);
    expect(entries.activity(name(1))).toBeUndefined();
  });
});

describe("indexAt", () => {
  it("is the last at or before a moment", () => {
    const at = [1, 5, 5, 9].map((atMs) => ({ atMs }));
    expect([0, 1, 4, 5, 8, 9, 99].map((ms) => indexAt(at, ms))).toEqual([-1, 0, 0, 2, 2, 3, 3]);
    expect(indexAt([], 5)).toBe(-1);
  });
});
