import { describe, expect, it } from "vitest";
import { type Packed, SourceError } from "../source/source.ts";
import type { ChunkIndex } from "./chunk.ts";
import { Entries } from "./entries.ts";
import { EntryReader, type Reading } from "./reader.ts";

const EMPTY: ChunkIndex = { facts: [], omitted: 0, activity: [], presses: [] };
const NAMES = ["p-00000-aa", "p-00001-aa", "p-00002-aa", "p-00003-aa", "p-00004-aa"];

function setUp(fetch: (name: string, signal: AbortSignal) => Promise<Packed>) {
  const entries = new Entries();
  const asked: string[] = [];
  const told: Reading[] = [];
  const reader = new EntryReader(
    {
      chunk(name, signal) {
        asked.push(name);
        return fetch(name, signal);
      },
    },
    { index: async () => EMPTY },
    entries,
    (reading) => told.push(reading),
  );
  return { entries, asked, told, reader };
}

const bytes = async (): Promise<Packed> => ({ coding: "gzip", body: new ArrayBuffer(1) });

describe("EntryReader", () => {
  it("reads what has not been read, and tells how far it is", async () => {
    const { entries, asked, told, reader } = setUp(bytes);
    entries.add("p-00001-aa", EMPTY);
    await reader.read(NAMES);
    expect(asked).toEqual(NAMES.filter((name) => name !== "p-00001-aa"));
    expect(NAMES.every((name) => entries.has(name))).toBe(true);
    expect(told[0]).toMatchObject({ running: true, done: 0, of: 4 });
    expect(told.at(-1)).toMatchObject({ running: false, done: 4, of: 4, lost: 0, trouble: null });
  });

  it("can be cancelled, and keeps what it has", async () => {
    const { entries, asked, told, reader } = setUp(
      (name, signal) =>
        new Promise((resolve, reject) => {
          if (name === NAMES[0]) resolve({ coding: "gzip", body: new ArrayBuffer(1) });
          signal.addEventListener("abort", () => reject(new Error("aborted")));
        }),
    );
    const read = reader.read(NAMES);
    await expect.poll(() => entries.has(NAMES[0] as string)).toBe(true);
    reader.cancel();
    await read;
    expect(asked).toHaveLength(4);
    expect(told.at(-1)).toMatchObject({ running: false, done: 1, trouble: null });
  });

  it("passes over a chunk that is gone, and does not ask for it again", async () => {
    const { asked, told, reader } = setUp(async (name) => {
      if (name === NAMES[2]) throw new SourceError("not_found", "gone");
      return bytes();
    });
    await reader.read(NAMES);
    expect(told.at(-1)).toMatchObject({ done: 5, lost: 1, trouble: null });
    await reader.read(NAMES);
    expect(asked).toHaveLength(5);
  });

  it("stops where nothing can be had, and says why", async () => {
    const trouble = new SourceError("unreachable", "no answer");
    const { told, reader } = setUp(() => Promise.reject(trouble));
    await reader.read(NAMES);
    expect(told.at(-1)).toMatchObject({ running: false, trouble });
  });
});
