import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PageStream } from "../src/batch.js";
import { Delivery, type Lost, QUEUE_CHARS_MAX, UNANSWERED_MAX } from "../src/delivery.js";
import { CUSTOM, FULL_SNAPSHOT, INCREMENTAL, META } from "../src/events.js";
import { gzipNow } from "../src/gzip.js";
import { KEEPALIVE_BYTES_MAX } from "../src/http.js";
import { newUploadKey, sessionOf } from "../src/ids.js";
import type { EventLine } from "../src/pending.js";

const START_MS = 1_700_000_000_000;

interface Upload {
  header: { page: string; seq: number; sent: number };
  lines: string[];
  body: Uint8Array;
  keepalive: boolean;
  /** Answers it. */
  answer(status: number, body: unknown): Promise<void>;
  /** Fails as networks fail. */
  fail(): Promise<void>;
}

let uploads: Upload[];
let told: unknown[];
let delivery: Delivery;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: START_MS });
  // Held by name, so that what a test left under way does not reach the next.
  const mine: Upload[] = [];
  uploads = mine;
  told = [];
  const fetch = (_url: unknown, init?: RequestInit) =>
    new Promise<Response>((resolve, reject) => {
      const body = init?.body as Uint8Array;
      const end = body.indexOf(10);
      mine.push({
        header: JSON.parse(Buffer.from(body.subarray(0, end)).toString()),
        lines: gunzipSync(body.subarray(end + 1))
          .toString()
          .trimEnd()
          .split("\n"),
        body,
        keepalive: init?.keepalive ?? false,
        answer: (status, json) => {
          resolve(Response.json(json, { status }));
          return turns();
        },
        fail: () => {
          reject(new TypeError("Failed to fetch"));
          return turns();
        },
      });
    });
  delivery = new Delivery(
    "https://edge.example/v1/batches?key=pk",
    fetch,
    async (text) => gzipNow(text),
    {
      lost: (lost) => told.push(lost),
      sessionEnded: (session, reason) => told.push(["session ended", session.id, reason]),
      sessionTooLong: (session) => told.push(["too long", session.id]),
      stopped: (reason) => told.push(["stopped", reason]),
      failed: (error) => told.push(error),
    },
  );
});

afterEach(() => {
  vi.useRealTimers();
});

const STORED = { outcome: "stored" };

/** Lets everything run that waits for no timer. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

function newStream(): PageStream {
  const upload = newUploadKey(START_MS);
  const session = { upload, id: sessionOf(upload), startMs: START_MS, kept: undefined };
  return new PageStream(session, { reason: "all" });
}

const event = (name: string, type = INCREMENTAL): EventLine => ({
  line: JSON.stringify({ type, timestamp: START_MS, data: name }),
  type,
  tag: undefined,
  timestamp: START_MS,
});

/** Text that gzip cannot make smaller. */
const noise = (bytes: number) =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("hex");

/** The upload of that number, once it is under way. Compression takes turns of its own. */
async function upload(at: number): Promise<Upload> {
  const deadline = performance.now() + 5_000;
  while (performance.now() < deadline) {
    const found = uploads[at];
    if (found !== undefined) return found;
    await turns();
  }
  throw new Error(`there were ${uploads.length} uploads, expected more than ${at}`);
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await turns();
  return settled;
}

test("batches go one after the other", async () => {
  const stream = newStream();
  delivery.add(stream.seal([event("a")], START_MS));
  delivery.add(stream.seal([event("b")], START_MS));
  const settled = delivery.settled();
  const first = await upload(0);
  expect(uploads).toHaveLength(1);
  await first.answer(200, STORED);
  const second = await upload(1);
  expect([first.header.seq, second.header.seq]).toEqual([0, 1]);
  expect(await isSettled(settled)).toBe(false);
  await second.answer(200, { outcome: "duplicate" });
  expect(await isSettled(settled)).toBe(true);
  expect(told).toEqual([]);
});

test("503 keeps the batch: the same bytes, not before the edge said, and with jitter", async () => {
  delivery.add(newStream().seal([event("a")], START_MS));
  const first = await upload(0);
  await first.answer(503, { error: "unavailable", retry_after_s: 5 });
  await vi.advanceTimersByTimeAsync(4_999);
  await turns();
  expect(uploads).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2_501);
  const again = await upload(1);
  expect(again.body).toEqual(first.body);
  await again.answer(200, STORED);
  expect(await isSettled(delivery.settled())).toBe(true);
});

test("network errors wait longer each time", async () => {
  delivery.add(newStream().seal([event("a")], START_MS));
  await (await upload(0)).answer(503, {});
  for (let i = 1; i <= 9; i++) {
    const leastMs = Math.min(1_000 * 2 ** (i - 1), 60_000);
    await vi.advanceTimersByTimeAsync(leastMs - 1);
    await turns();
    expect(uploads).toHaveLength(i);
    await vi.advanceTimersByTimeAsync(leastMs / 2 + 1);
    await (await upload(i)).fail();
  }
  // It was answered once, so something will be there again.
  expect(told).toEqual([]);
});

test("who is never answered gives up quietly", async () => {
  delivery.add(newStream().seal([event("a")], START_MS));
  for (let i = 0; i < UNANSWERED_MAX; i++) {
    await (await upload(i)).fail();
    await vi.advanceTimersByTimeAsync(90_000);
  }
  expect(told).toEqual([["stopped", "unreachable"]]);
  expect(await isSettled(delivery.settled())).toBe(true);
  expect(uploads).toHaveLength(UNANSWERED_MAX);
});

test("413 halves the batch under fresh seqs, and settles with its parts", async () => {
  const stream = newStream();
  const events = [event("1"), event("2"), event("3"), event("4")];
  delivery.add(stream.seal(events, START_MS));
  delivery.add(stream.seal([event("later")], START_MS));
  const settled = delivery.settled();
  await (await upload(0)).answer(413, { error: "too_large", limit: "events", max: 2 });
  await (await upload(1)).answer(200, STORED);
  await (await upload(2)).answer(200, STORED);
  expect(await isSettled(settled)).toBe(false);
  await (await upload(3)).answer(200, STORED);
  expect(await isSettled(settled)).toBe(true);
  expect(uploads.map(({ header, lines }) => [header.seq, lines])).toEqual([
    [0, events.map(({ line }) => line)],
    [2, events.slice(0, 2).map(({ line }) => line)],
    [3, events.slice(2).map(({ line }) => line)],
    [1, [event("later").line]],
  ]);
  expect(told).toEqual([]);
});

test("a lone event that is too large is noted as lost, a checkpoint likewise", async () => {
  const stream = newStream();
  const ümlaut = event("ü");
  delivery.add(stream.seal([ümlaut], START_MS));
  delivery.add(stream.seal([event("m", META), event("s", FULL_SNAPSHOT)], START_MS));
  await (await upload(0)).answer(413, { limit: "inflated_bytes" });
  await (await upload(1)).answer(413, { limit: "inflated_bytes" });
  expect(told).toEqual([
    {
      reason: "too_large",
      events: 1,
      bytes: ümlaut.line.length + 2,
      from_ms: START_MS,
      to_ms: START_MS + 1,
    },
    expect.objectContaining({ reason: "too_large", events: 2 }),
  ]);
});

test("a refused batch is noted, but not the note of one", async () => {
  const stream = newStream();
  delivery.add(stream.seal([event("a")], START_MS));
  await (await upload(0)).answer(400, { error: "event" });
  expect(told).toEqual([expect.objectContaining({ reason: "refused", events: 1 })]);
  delivery.add(stream.seal([{ ...event("lost", CUSTOM), tag: "tapedeck.lost" }], START_MS));
  await (await upload(1)).answer(400, { error: "event" });
  expect(told).toHaveLength(1);
});

test("a session that is not wanted takes its batches with it, and only its own", async () => {
  const [unwanted, wanted] = [newStream(), newStream()];
  delivery.add(unwanted.seal([event("a")], START_MS));
  delivery.add(unwanted.seal([event("b")], START_MS));
  delivery.add(wanted.seal([event("c")], START_MS));
  await (await upload(0)).answer(200, { outcome: "dropped", reason: "not_sampled" });
  expect((await upload(1)).header.page).toBe(wanted.page);
  expect(told).toEqual([["session ended", unwanted.session.id, "not_sampled"]]);
});

test("a session over its length is told, a batch over the budget is not", async () => {
  const stream = newStream();
  delivery.add(stream.seal([event("a")], START_MS));
  await (await upload(0)).answer(200, { outcome: "dropped", reason: "over_budget" });
  expect(told).toEqual([]);
  delivery.add(stream.seal([event("b")], START_MS));
  await (await upload(1)).answer(200, { outcome: "dropped", reason: "session_too_long" });
  expect(told).toEqual([["too long", stream.session.id]]);
  expect(await isSettled(delivery.settled())).toBe(true);
});

test("a batch that is added the moment the one before is through is not forgotten", async () => {
  const stream = newStream();
  delivery.add(stream.seal([event("a")], START_MS));
  void delivery.settled().then(() => delivery.add(stream.seal([event("b")], START_MS)));
  await (await upload(0)).answer(200, STORED);
  expect((await upload(1)).header.seq).toBe(1);
});

test("an unknown key stops everything", async () => {
  const stream = newStream();
  delivery.add(stream.seal([event("a")], START_MS));
  delivery.add(stream.seal([event("b")], START_MS));
  await (await upload(0)).answer(401, { error: "unknown_key" });
  expect(told).toEqual([["stopped", "unknown_key"]]);
  expect(await isSettled(delivery.settled())).toBe(true);
  expect(uploads).toHaveLength(1);
});

test("leaving sends at once what waits, in one turn, and nothing twice", async () => {
  const stream = newStream();
  delivery.add(stream.seal([event("in flight")], START_MS));
  const inFlight = await upload(0);
  delivery.add(stream.seal([event("waiting")], START_MS));
  delivery.leave();
  expect(uploads.map(({ header, keepalive }) => [header.seq, keepalive])).toEqual([
    [0, true],
    [1, true],
  ]);
  await (uploads[1] as Upload).answer(200, STORED);
  await inFlight.answer(200, STORED);
  expect(await isSettled(delivery.settled())).toBe(true);
  expect(uploads).toHaveLength(2);
});

test("hiding the page heeds the edge's wait, leaving it does not", async () => {
  delivery.add(newStream().seal([event("a")], START_MS));
  await (await upload(0)).answer(429, { error: "slow_down", retry_after_s: 30 });
  delivery.hurry();
  expect(uploads).toHaveLength(1);
  delivery.leave();
  expect(uploads).toHaveLength(2);
});

test("what keepalive may carry is shared by all in flight, and a large batch is cut for it", async () => {
  const stream = newStream();
  delivery.add(
    stream.seal(
      Array.from({ length: 60 }, () => event(noise(1_000))),
      START_MS,
    ),
  );
  delivery.leave();
  const budgeted = uploads.filter(({ keepalive }) => keepalive).map(({ body }) => body.length);
  expect(budgeted.length).toBeGreaterThan(0);
  expect(budgeted.reduce((a, b) => a + b)).toBeLessThanOrEqual(KEEPALIVE_BYTES_MAX);
  expect(uploads.flatMap(({ lines }) => lines)).toHaveLength(60);
  for (const { answer } of uploads) await answer(200, STORED);
  delivery.add(stream.seal([event(noise(10_000))], START_MS));
  expect((await upload(uploads.length)).keepalive).toBe(true);
});

test("a batch that the edge may have is not cut when the page is left", async () => {
  delivery.add(newStream().seal([event(noise(50_000)), event(noise(50_000))], START_MS));
  const first = await upload(0);
  expect(first.keepalive).toBe(false);
  await first.fail();
  delivery.leave();
  expect(uploads).toHaveLength(2);
  expect(uploads[1]?.body).toEqual(first.body);
});

test("what waits is bounded: the oldest is lost", async () => {
  const stream = newStream();
  delivery.add(stream.seal([event("in flight")], START_MS));
  await upload(0);
  const third = event("x".repeat(QUEUE_CHARS_MAX / 3));
  for (let i = 0; i < 4; i++) delivery.add(stream.seal([third], START_MS));
  expect(told.map((lost) => (lost as Lost).reason)).toEqual(["queue_full", "queue_full"]);
  await (uploads[0] as Upload).answer(200, STORED);
  expect((await upload(1)).header.seq).toBe(3);
});
