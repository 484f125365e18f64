import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import type { Packed } from "../source/source.ts";
import { CHUNK_LIMITS, decodeChunk } from "./decode.ts";
import { DecodeError } from "./decode-error.ts";

function gzip(text: string | Buffer): Packed {
  return packed(new Uint8Array(gzipSync(text)));
}

function packed(body: Uint8Array<ArrayBuffer>): Packed {
  return { coding: "gzip", body: body.slice().buffer };
}

const decode = (body: Packed) => decodeChunk(body, []);

const meta =
  '{"type":4,"timestamp":1000,"data":{"href":"https://shop.example/","width":800,"height":600}}';
const snapshot =
  '{"type":2,"timestamp":1040,"data":{"node":{"type":0,"childNodes":[],"id":1},"initialOffset":{"left":0,"top":0}}}';

async function times(text: string): Promise<number[]> {
  return (await decode(gzip(text))).events.map((event) => event.timestamp);
}

it("reads one event a line, with or without a newline at the end", async () => {
  expect(await times(`${meta}\n${snapshot}\n`)).toEqual([1040, 1040]);
  expect(await times(`${meta}\n${snapshot}`)).toEqual([1040, 1040]);
});

it("tells what the manifest would", async () => {
  const { summary, inflatedBytes } = await decode(gzip(`${meta}\n${snapshot}\n`));
  expect(summary).toMatchObject({
    first_ms: 1000,
    last_ms: 1040,
    events: 2,
    checkpoints: [[1040, 0]],
  });
  expect(inflatedBytes).toBe(meta.length + snapshot.length + 2);
});

it("cuts off fractions of a time", async () => {
  expect(await times('{"type":5,"timestamp":12.9,"data":{"tag":"a","payload":{}}}')).toEqual([12]);
});

it.each([
  ["no JSON", "{"],
  ["no object", "[1]"],
  ["a time that is none", '{"type":0,"timestamp":"5","data":{}}'],
  ["a type rrweb does not know", '{"type":99,"timestamp":5,"data":{}}'],
  ["a snapshot without node", '{"type":2,"timestamp":5,"data":{}}'],
  ["a window of a million pixels", '{"type":4,"timestamp":5,"data":{"width":1000000,"height":5}}'],
  ["an increment without source", '{"type":3,"timestamp":5,"data":{}}'],
  ["a custom event without tag", '{"type":5,"timestamp":5,"data":{}}'],
])("counts and leaves out %s", async (_name, line) => {
  const decoded = await decode(gzip(`${line}\n${meta}\n`));
  expect(decoded.refused).toBe(1);
  expect(decoded.events).toHaveLength(1);
});

it("refuses what is no gzip, cut short, or more than one member", async () => {
  const whole = new Uint8Array(gzip(`${meta}\n`).body);
  await expect(decode(packed(new Uint8Array([1, 2, 3])))).rejects.toThrow(DecodeError);
  await expect(decode(packed(whole.slice(0, -5)))).rejects.toThrow(DecodeError);
  await expect(decode(packed(new Uint8Array([...whole, ...whole])))).rejects.toThrow(DecodeError);
});

it("refuses text that is no UTF-8", async () => {
  await expect(decode(gzip(Buffer.from([0x7b, 0xff, 0x7d])))).rejects.toThrow("UTF-8");
});

it("refuses more bytes than any edge admits", async () => {
  await expect(decode(gzip(Buffer.alloc(CHUNK_LIMITS.inflatedBytesMax + 1, 0x20)))).rejects.toThrow(
    "after gunzip",
  );
});

it("refuses more events than any edge admits", async () => {
  const line = '{"type":0,"timestamp":1,"data":{}}\n';
  await expect(decode(gzip(line.repeat(CHUNK_LIMITS.eventsMax)))).resolves.toBeDefined();
  await expect(decode(gzip(line.repeat(CHUNK_LIMITS.eventsMax + 1)))).rejects.toThrow(
    "more than 100000 events",
  );
});
