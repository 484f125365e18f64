import { gunzipSync } from "node:zlib";
import { beforeAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeKey, makeProject, type Project } from "../harness/project.ts";
import {
  chunkName,
  chunksPrefix,
  gzip,
  makeBody,
  makeEvents,
  makeSession,
} from "../harness/upload.ts";
import { ask, ORIGIN, upload } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
let project: Project;

beforeAll(async () => {
  project = await makeProject(bucket, {
    sampling: [{ from_ms: 0, all: 1, manual: 0 }],
  });
});

/** Sends a batch of a new session and gives the answer in short: `stored`, a drop's reason, or status and error. */
async function outcome(
  batch: string | Uint8Array,
  header: object = {},
  session = makeSession(),
): Promise<string> {
  const { status, body } = await upload(stack, project, makeBody(session, batch, { ...header }));
  if (status === 200) {
    return body.outcome === "dropped" ? `dropped ${body.reason}` : body.outcome;
  }
  return `${status} ${body.error}`;
}

test("what was stored is what was sent, with its metadata", async () => {
  const session = makeSession();
  const events = makeEvents(session);
  const batch = gzip(events);
  const sent = session.start_ms + 5_000;
  const before_ms = Date.now();
  const body = makeBody(session, batch, { seq: 7, sent, segments: ["béta", "x"] });
  expect((await upload(stack, project, body)).body).toEqual({ outcome: "stored" });

  const prefix = chunksPrefix(project.id, session.id);
  const key = `${prefix}${chunkName(session, events, 7)}.ndjson.gz`;
  expect(await bucket.keys(prefix)).toEqual([key]);
  const { body: stored, head } = await bucket.get(key);
  expect(stored.equals(batch)).toBe(true);
  expect(head.ContentType).toBe("application/gzip");
  expect(head.ContentEncoding).toBeUndefined();
  const { "received-ms": received, edge, ...metadata } = head.Metadata ?? {};
  expect(metadata).toEqual({
    "sent-ms": String(sent),
    reason: "all",
    sdk: "tapedeck-tests/1",
    // As the platform says; on one machine it says something.
    country: expect.stringMatching(/^[A-Z]{2}$/),
    segments: "b%C3%A9ta,x",
  });
  expect(edge).toMatch(/^\d+\.\d+\.\d+/);
  expect(Number(received)).toBeGreaterThanOrEqual(before_ms - 1_000);
  expect(Number(received)).toBeLessThanOrEqual(Date.now() + 1_000);
});

test("the same batch is a duplicate, however it was compressed", async () => {
  const session = makeSession();
  const events = makeEvents(session, 20);
  const send = async (batch: string | Uint8Array) =>
    (await upload(stack, project, makeBody(session, batch))).body;
  expect(await send(gzip(events))).toEqual({ outcome: "stored" });
  expect(await send(gzip(events))).toEqual({ outcome: "duplicate" });
  expect(await send(gzip(events, 1))).toEqual({ outcome: "duplicate" });
  expect(await send(events)).toEqual({ outcome: "duplicate" });
  expect(await bucket.keys(chunksPrefix(project.id, session.id))).toHaveLength(1);
});

test("of the same batch sent many times at once, one is stored", async () => {
  const session = makeSession();
  const body = makeBody(session, gzip(makeEvents(session)));
  const answers = await Promise.all(Array.from({ length: 8 }, () => upload(stack, project, body)));
  const outcomes = answers.map((answer) => answer.body.outcome).sort();
  expect(outcomes).toEqual([...Array(7).fill("duplicate"), "stored"]);
  expect(await bucket.keys(chunksPrefix(project.id, session.id))).toHaveLength(1);
});

test("other events of the same seq are another chunk", async () => {
  const session = makeSession();
  expect(await outcome(makeEvents(session), {}, session)).toBe("stored");
  expect(await outcome(makeEvents(session), {}, session)).toBe("stored");
  expect(await bucket.keys(chunksPrefix(project.id, session.id))).toHaveLength(2);
});

test.for(["plain", "several members"])("%s is stored as one gzip member", async (form) => {
  const session = makeSession();
  const events = makeEvents(session, 50);
  const half = events.indexOf("\n", events.length / 2) + 1;
  const members = [events.slice(0, half), events.slice(half)].map((part) => gzip(part));
  const batch = form === "plain" ? events : Buffer.concat(members);
  expect(await outcome(batch, {}, session)).toBe("stored");
  const [key] = await bucket.keys(chunksPrefix(project.id, session.id));
  const { body: stored } = await bucket.get(key ?? "");
  // One member: its last four bytes are the size of everything (RFC 1952).
  expect(stored.readUInt32LE(stored.length - 4)).toBe(Buffer.byteLength(events));
  expect(gunzipSync(stored).toString()).toBe(events);
});

test("what is not wanted is dropped", async () => {
  const batch = makeEvents(makeSession());
  expect(await outcome(batch, { consent: false })).toBe("dropped consent");
  expect(await outcome(batch, { consent: true })).toBe("stored");
  expect(await outcome(batch, { reason: "manual" })).toBe("dropped not_sampled");
});

test("what breaks a rule is refused", async () => {
  const session = makeSession();
  const events = makeEvents(session);
  const batch = gzip(events);
  const cut = batch.subarray(0, batch.length - 5);
  expect(await outcome(cut)).toBe("400 gzip");
  expect(await outcome(Buffer.concat([batch, Buffer.from("\n")]))).toBe("400 gzip");
  expect(await outcome(Buffer.from([0x1f, 0x8b]))).toBe("400 gzip");
  expect(await outcome(Buffer.from([0xff, 0xfe]))).toBe("400 utf8");
  expect(await outcome("")).toBe("400 empty");
  expect(await outcome(gzip(""))).toBe("400 empty");
  expect(await outcome("{}\n")).toBe("400 event");
  expect(await outcome(`${events}\n${events}`)).toBe("400 event");
  expect(await outcome("not json")).toBe("400 event");
  expect(await outcome(events, { page: "short" })).toBe("400 header");
  expect(await outcome(events, { upload: session.upload.slice(1) })).toBe("400 header");
  expect(await outcome(events, { reason: "because" })).toBe("400 header");
  expect((await upload(stack, project, "")).body).toMatchObject({ error: "header" });
  expect((await upload(stack, project, "no newline")).body).toMatchObject({ error: "header" });
});

test("a body is read also where its length is not stated", async () => {
  const session = makeSession();
  const body = makeBody(session, gzip(makeEvents(session)));
  const pieces = new ReadableStream({
    start(controller) {
      for (let i = 0; i < body.length; i += 50) {
        controller.enqueue(body.subarray(i, i + 50));
      }
      controller.close();
    },
  });
  const answer = await upload(stack, project, pieces, { duplex: "half" });
  expect(answer.body).toEqual({ outcome: "stored" });
});

test("any content type is taken", async () => {
  for (const type of ["application/octet-stream", "application/json", undefined]) {
    const session = makeSession();
    const headers = { origin: ORIGIN, ...(type && { "content-type": type }) };
    const body = makeBody(session, makeEvents(session));
    expect((await upload(stack, project, body, { headers })).body).toEqual({ outcome: "stored" });
  }
});

test("a project key that nobody knows is refused", async () => {
  const session = makeSession();
  const body = makeBody(session, makeEvents(session));
  const rotated = await makeProject(bucket, { keys: [makeKey()] });
  for (const key of [makeKey(), rotated.key, "pk_short", "", "%00", "../projects/demo"]) {
    const answer = await upload(stack, { key }, body);
    expect([answer.status, answer.body.error], key).toEqual([401, "unknown_key"]);
  }
  const none = await ask(stack, "/v1/batches", { method: "POST", body });
  expect([none.status, none.body.error]).toEqual([401, "unknown_key"]);
});

test("an origin that the project does not have is refused", async () => {
  const send = async (key: string, origin?: string) => {
    const session = makeSession();
    const headers = { ...(origin && { origin }), "content-type": "text/plain" };
    const body = makeBody(session, makeEvents(session));
    const answer = await upload(stack, { key }, body, { headers });
    return answer.status === 200 ? answer.body.outcome : `${answer.status} ${answer.body.error}`;
  };
  const shop = await makeProject(bucket, { origins: ["https://*.shop.example"] });
  expect(await send(shop.key, "https://www.shop.example")).toBe("stored");
  expect(await send(shop.key, "https://shop.example")).toBe("403 origin");
  expect(await send(shop.key, "https://www.shop.example.evil.example")).toBe("403 origin");
  expect(await send(shop.key, "null")).toBe("403 origin");
  expect(await send(shop.key)).toBe("403 origin");
  const open = await makeProject(bucket, { origins: ["*"] });
  expect(await send(open.key, "null")).toBe("stored");
  expect(await send(open.key)).toBe("stored");
});
