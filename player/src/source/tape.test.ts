import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { makeUp, manifestOf } from "../../test/recording.ts";
import { encodeTape, inTapeOrder } from "../export/tape.ts";
import { decodeChunk } from "../load/decode.ts";
import { holesOf, plan } from "../session/plan.ts";
import { fileRanges, type Ranges } from "./ranges.ts";
import { TapeSource } from "./tape.ts";

const START_MS = 1_700_000_000_000;
const recording = makeUp({ startMs: START_MS, minutes: 10, chunkSeconds: 20, checkpointEvery: 6 });
const never = new AbortController().signal;

function tapeOf({ manifest, chunks } = recording): Promise<Blob> {
  const lines = inTapeOrder([...chunks]).map(({ page, seq, hash, events }) => ({
    page,
    seq,
    hash,
    lines: events.map((event) => JSON.stringify(event)),
  }));
  return encodeTape({ version: 1, ...manifest }, lines, "tapedeck/test");
}

/** The same file, of which each read is written down. */
function counted(file: Blob): { ranges: Ranges; reads: [number, number][] } {
  const reads: [number, number][] = [];
  const ranges = fileRanges(file);
  return {
    reads,
    ranges: {
      read(from, to, signal) {
        reads.push([from, to]);
        return ranges.read(from, to, signal);
      },
    },
  };
}

async function headerBytes(file: Blob): Promise<number> {
  return 48 + new DataView(await file.slice(0, 48).arrayBuffer()).getUint32(12, true);
}

async function eventTimes(source: TapeSource, names: string[]): Promise<number[]> {
  const chunks = await Promise.all(names.map((name) => source.chunk(name, never)));
  const decoded = await Promise.all(chunks.map((chunk) => decodeChunk(chunk, [])));
  return decoded.flatMap(({ events }) => events.map((event) => event.timestamp));
}

describe("a tape", () => {
  it("tells the session, and has every event once", async () => {
    const source = new TapeSource(fileRanges(await tapeOf()));
    const { manifest } = await source.view("start", never);
    expect(manifest).toMatchObject({ started_ms: START_MS, errors: recording.manifest.errors });
    const page = manifest?.pages[0];
    expect(page?.chunks.every((chunk) => (chunk.checkpoints[0]?.[1] ?? 0) <= 1)).toBe(true);
    const names = page?.chunks.map(
      ({ seq, hash }) => `${page.page}-${String(seq).padStart(5, "0")}-${hash}`,
    );
    const times = await eventTimes(source, names ?? []);
    expect(times).toHaveLength(recording.chunks.flatMap((chunk) => chunk.events).length);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it("shows any moment with two reads", async () => {
    const file = await tapeOf();
    for (const second of [0, 61, 119, 120, 333, 599]) {
      const { ranges, reads } = counted(file);
      const source = new TapeSource(ranges, await headerBytes(file));
      const { manifest } = await source.view("start", never);
      const page = manifest?.pages[0]?.page ?? "";
      const at = START_MS + second * 1000 + 50;
      const { needed, ahead } = plan(manifest as never, page, at, { ms: 5_000, chunksMax: 6 });
      await eventTimes(source, [...needed, ...ahead]);
      expect(reads).toHaveLength(2);
    }
  });

  it("keeps holes, between frames and within one", async () => {
    for (const missing of [[5, 6], [1]]) {
      const chunks = recording.chunks.filter(({ seq }) => !missing.includes(seq));
      const manifest = manifestOf(recording.project, recording.session, chunks);
      const source = new TapeSource(fileRanges(await tapeOf({ ...recording, chunks, manifest })));
      const view = await source.view("start", never);
      const before = manifest.pages.flatMap(holesOf);
      expect(before).toHaveLength(1);
      expect(view.manifest?.pages.flatMap(holesOf)).toEqual(before);
    }
  });

  it("has a hole where a checksum is wrong, and plays the rest", async () => {
    const bytes = new Uint8Array(await (await tapeOf()).arrayBuffer());
    bytes[bytes.length - 10] = (bytes.at(-10) ?? 0) ^ 1;
    const source = new TapeSource(fileRanges(new Blob([bytes])));
    const { manifest } = await source.view("start", never);
    const page = manifest?.pages[0];
    const names = (page?.chunks ?? []).map(
      ({ seq, hash }) => `${page?.page}-${String(seq).padStart(5, "0")}-${hash}`,
    );
    await expect(source.chunk(names.at(-1) ?? "", never)).rejects.toMatchObject({
      kind: "unreadable",
    });
    await expect(source.chunk(names[0] ?? "", never)).resolves.toBeDefined();
  });

  it("is read as other encoders write it", async () => {
    // Header and frames by a real encoder, with its compression and without a content size.
    const lines = '{"type":5,"timestamp":1700000000000,"data":{"tag":"a","payload":{}}}\n';
    const frame = zstdCompressSync(lines);
    const manifest = {
      ...recording.manifest,
      version: 1,
      pages: [{ page: "aaaaaaaa", first_ms: START_MS, last_ms: START_MS, chunks: [] }],
    };
    const header = zstdCompressSync(
      JSON.stringify({
        version: 1,
        manifest,
        frames: [
          {
            page: "aaaaaaaa",
            offset: 0,
            bytes: frame.length,
            inflated_bytes: lines.length,
            events: 1,
            first_ms: START_MS,
            last_ms: START_MS,
            checkpoints: [],
            parts: [{ seq: 0, hash: "00000000", from: 0, to: 1 }],
            sha256: createHash("sha256").update(frame).digest("hex"),
          },
        ],
      }),
    );
    const preamble = Buffer.alloc(48);
    preamble.write("TAPEDECK");
    preamble.writeUInt32LE(1, 8);
    preamble.writeUInt32LE(header.length, 12);
    createHash("sha256").update(header).digest().copy(preamble, 16);
    const source = new TapeSource(fileRanges(new Blob([preamble, header, frame])));
    const view = await source.view("start", never);
    const chunk = view.manifest?.pages[0]?.chunks[0];
    expect(await eventTimes(source, [`aaaaaaaa-00000-${chunk?.hash}`])).toEqual([START_MS]);
  });

  it.each([
    ["a picture", () => new Uint8Array(200), "not a tape"],
    ["nothing", () => new Uint8Array(0), "0 bytes"],
    ["another version", (tape: Uint8Array) => tape.with(8, 2), "version 2"],
    ["a header that is too long", (tape: Uint8Array) => tape.with(15, 1), "limit is 1048576"],
    ["a damaged header", (tape: Uint8Array) => tape.with(60, (tape[60] ?? 0) ^ 1), "checksum"],
    ["a file that was cut off", (tape: Uint8Array) => tape.slice(0, 100), "ends within"],
  ])("that is %s is refused", async (_, change, message) => {
    const bytes = change(new Uint8Array(await (await tapeOf()).arrayBuffer()));
    const source = new TapeSource(fileRanges(new Blob([bytes.slice()])));
    await expect(source.view("start", never)).rejects.toThrow(message);
  });
});
