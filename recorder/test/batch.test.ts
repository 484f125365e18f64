import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { version } from "../package.json";
import { PageStream } from "../src/batch.js";
import { customEvent } from "../src/events.js";
import { gzipNow } from "../src/gzip.js";
import { newUploadKey, sessionOf } from "../src/ids.js";
import { eventLine } from "../src/pending.js";
import { SDK } from "../src/version.js";

const compress = async (text: string) => gzipNow(text);
const START_MS = 1_700_000_000_000;
const upload = newUploadKey(START_MS);
const session = { upload, id: sessionOf(upload), startMs: START_MS, kept: undefined };
const event = (name: string) =>
  eventLine(customEvent("tapedeck.custom", { name, properties: {} }, START_MS + 1));

function parse(body: Uint8Array) {
  const end = body.indexOf(10);
  const header = JSON.parse(Buffer.from(body.subarray(0, end)).toString());
  return { header, ndjson: gunzipSync(body.subarray(end + 1)).toString() };
}

test("the body is a header line and one gzip member of lines", async () => {
  const stream = new PageStream(session, { reason: "all" });
  const body = await stream
    .seal([event("a"), event("zwei\nZeilen \ud800")], START_MS + 4_321)
    .encode(compress);
  const { header, ndjson } = parse(body);
  expect(header).toEqual({
    upload,
    page: expect.stringMatching(/^[0-9A-Za-z]{8}$/),
    seq: 0,
    reason: "all",
    sent: START_MS + 4_321,
    sdk: SDK,
  });
  const lines = ndjson.split("\n");
  expect(lines).toHaveLength(3);
  expect(lines.pop()).toBe("");
  expect(lines.map((line) => JSON.parse(line).data.payload.name)).toEqual([
    "a",
    "zwei\nZeilen \ud800",
  ]);
});

test("a stream counts its batches", () => {
  const stream = new PageStream(session, { reason: "all" });
  const seqs = [1, 2, 3].map(
    () => parse(stream.seal([event("a")], START_MS).encodeNow()).header.seq,
  );
  expect(seqs).toEqual([0, 1, 2]);
});

test("the version is the package's", () => {
  expect(SDK).toBe(`tapedeck-recorder/${version}`);
});

test("whichever way it is compressed first stays", async () => {
  const batch = new PageStream(session, { reason: "all" }).seal([event("a")], START_MS);
  const slow = batch.encode(compress);
  const fast = batch.encodeNow();
  expect(await slow).toBe(fast);
  expect(batch.encodeNow()).toBe(fast);
  expect(await batch.encode(compress)).toBe(fast);
});
