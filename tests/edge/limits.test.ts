import { randomBytes } from "node:crypto";
import { beforeAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeProject, type Project } from "../harness/project.ts";
import {
  gzip,
  type HeaderChanges,
  makeBody,
  makeSession,
  type Session,
} from "../harness/upload.ts";
import { type Answer, upload } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
const limits = {
  compressed_bytes_max: 4_000,
  inflated_bytes_max: 5_000,
  events_max: 5,
  session_ms_max: 60_000,
};
let small: Project;
let usual: Project;

beforeAll(async () => {
  small = await makeProject(bucket, { limits });
  usual = await makeProject(bucket);
});

function send(
  project: Project,
  batch: string | Uint8Array,
  header: HeaderChanges = {},
  session = makeSession(),
): Promise<Answer> {
  return upload(stack, project, makeBody(session, batch, header));
}

/** One event of exactly so many bytes, of the session that is about to begin. */
function eventOf(bytes: number, session: Session = makeSession()): string {
  const [before, after] = [`{"type":3,"timestamp":${session.start_ms},"data":"`, '"}'];
  return before + "x".repeat(bytes - before.length - after.length) + after;
}

const stored = { status: 200, body: { outcome: "stored" } };
const tooLarge = (limit: string, max: number) => ({
  status: 413,
  body: { error: "too_large", limit, max, detail: expect.any(String) },
});

test("bytes of the batch", async () => {
  expect(await send(small, eventOf(4_000))).toMatchObject(stored);
  expect(await send(small, eventOf(4_001))).toMatchObject(tooLarge("compressed_bytes", 4_000));
});

test("bytes of the body, stated or not", async () => {
  const body_max = limits.compressed_bytes_max + 4_096 + 1;
  const refused = tooLarge("compressed_bytes", body_max);
  const bytes = new Uint8Array(body_max + 1);
  expect(await upload(stack, small, bytes)).toMatchObject(refused);
  const stream = new Blob([bytes]).stream();
  expect(await upload(stack, small, stream, { duplex: "half" })).toMatchObject(refused);
});

test("a body over every project's limit is refused before anything is looked up", async () => {
  const ceiling = 8 * 1024 * 1024 + 4_096 + 1;
  const answer = await upload(stack, { key: "pk_none" }, new Uint8Array(ceiling + 1));
  expect(answer).toMatchObject(tooLarge("compressed_bytes", ceiling));
});

test("bytes after inflating", async () => {
  expect(await send(small, gzip(eventOf(5_000)))).toMatchObject(stored);
  expect(await send(small, gzip(eventOf(5_001)))).toMatchObject(tooLarge("inflated_bytes", 5_000));
});

test("the usual limits", async () => {
  const [compressed, inflated] = [2 * 1024 * 1024, 16 * 1024 * 1024];
  expect(await send(usual, eventOf(compressed))).toMatchObject(stored);
  expect(await send(usual, eventOf(compressed + 1))).toMatchObject(
    tooLarge("compressed_bytes", compressed),
  );
  // Some noise, so that the ratio stays under its own limit.
  const session = makeSession();
  const event = eventOf(inflated, session).replace(/x{1000}/g, () =>
    randomBytes(8).toString("hex").padEnd(1_000),
  );
  expect(await send(usual, gzip(event), {}, session)).toMatchObject(stored);
  expect(await send(usual, gzip(`${event} `), {}, session)).toMatchObject(
    tooLarge("inflated_bytes", inflated),
  );
});

test("ratio", async () => {
  const batch = gzip(eventOf(3 * 1024 * 1024));
  expect(await send(usual, batch)).toMatchObject({ status: 400, body: { error: "ratio" } });
});

test("number of events", async () => {
  const session = makeSession();
  const events = (n: number) => `${eventOf(100, session)}\n`.repeat(n);
  expect(await send(small, events(5), {}, session)).toMatchObject(stored);
  expect(await send(small, events(6), {}, session)).toMatchObject(tooLarge("events", 5));
});

test("header line", async () => {
  const session = makeSession();
  const padded = (line_bytes: number) => {
    const bare = makeBody(session, "", { pad: "" }).length - 1;
    return makeBody(session, eventOf(100, session), { pad: " ".repeat(line_bytes - bare) });
  };
  expect(await upload(stack, small, padded(4_096))).toMatchObject(stored);
  expect(await upload(stack, small, padded(4_097))).toMatchObject({
    status: 400,
    body: { error: "header" },
  });
});

test("a session's age", async () => {
  const at = (age_ms: number) => {
    const session = makeSession();
    return send(small, eventOf(100, session), { sent: session.start_ms + age_ms }, session);
  };
  expect(await at(limits.session_ms_max)).toMatchObject(stored);
  expect(await at(limits.session_ms_max + 1)).toMatchObject({
    status: 200,
    body: { outcome: "dropped", reason: "session_too_long" },
  });
});

test("the client's clock", async () => {
  const at = (sent_ms: number) => {
    const session = makeSession();
    return send(small, eventOf(100, session), { sent: session.start_ms + sent_ms }, session);
  };
  expect(await at(-5 * 60_000)).toMatchObject(stored);
  expect(await at(-5 * 60_000 - 1)).toMatchObject({ status: 400, body: { error: "clock" } });
});

test("times of events", async () => {
  const at = (event_ms: number) => {
    const session = makeSession();
    const event = { type: 3, timestamp: session.start_ms + event_ms };
    return send(small, JSON.stringify(event), { sent: session.start_ms + 1_000 }, session);
  };
  const [first_ms, last_ms] = [-10 * 60_000, 1_000 + 10 * 60_000];
  const refused = { status: 400, body: { error: "event_time" } };
  expect(await at(first_ms)).toMatchObject(stored);
  expect(await at(first_ms - 1)).toMatchObject(refused);
  expect(await at(last_ms)).toMatchObject(stored);
  expect(await at(last_ms + 1)).toMatchObject(refused);
});

test("nesting of an event", async () => {
  const nested = (depth: number) => {
    const session = makeSession();
    const data = "[".repeat(depth - 1) + "]".repeat(depth - 1);
    const event = `{"type":3,"timestamp":${session.start_ms},"data":${data}}`;
    return send(usual, event, {}, session);
  };
  const refused = { status: 400, body: { error: "event" } };
  expect(await nested(4_096)).toMatchObject(stored);
  expect(await nested(4_097)).toMatchObject(refused);
  expect(await nested(500_000)).toMatchObject(refused);
});
