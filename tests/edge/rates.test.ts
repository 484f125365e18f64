import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { type Edge, startEdge } from "../harness/edge.ts";
import { makeProject } from "../harness/project.ts";
import { until } from "../harness/until.ts";
import { gzip, makeBody, makeEvents, makeSession } from "../harness/upload.ts";
import { ask, ORIGIN, upload } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
const limits = { ADDRESS_LIMIT: 20, PROJECT_LIMIT: 5, PROJECT_RESERVE: 3 };
let edge: Edge;

beforeAll(async () => {
  edge = await startEdge(stack, "edge-limited", limits);
});

afterAll(() => edge?.stop());

/** Counters begin anew with each full minute: what is counted begins when there is enough left of one. */
async function earlyInAMinute(): Promise<void> {
  await until(
    "a minute that is not about to end",
    () => Date.now() % 60_000 < 45_000 || undefined,
    60_000,
  );
}

let addresses = 0;
const freshAddress = () => `192.0.2.${++addresses}`;

function send(key: string, reason = "all", address = freshAddress()) {
  const session = makeSession();
  const body = makeBody(session, gzip(makeEvents(session)), { reason });
  const headers = { origin: ORIGIN, "cf-connecting-ip": address };
  return upload(edge, { key }, body, { headers });
}

const refused = {
  status: 429,
  body: { error: "slow_down", retry_after_s: 30, detail: expect.any(String) },
};

test("an address that asks too often is told to wait", { timeout: 90_000 }, async () => {
  const project = await makeProject(bucket);
  await earlyInAMinute();
  const asks = (address: string, path = `/v1/config?key=${project.key}`) =>
    ask(edge, path, { headers: { "cf-connecting-ip": address } });
  const one = freshAddress();
  for (let i = 0; i < limits.ADDRESS_LIMIT; i++) {
    expect((await asks(one)).status).toBe(200);
  }
  const answer = await asks(one);
  expect(answer).toMatchObject(refused);
  expect(answer.headers.get("retry-after")).toBe("30");
  expect(await send(project.key, "error", one)).toMatchObject(refused);
  // A viewer's guesses count too.
  expect(await asks(one, `/v1/projects/${project.id}/sessions/x`)).toMatchObject(refused);
  // What costs nothing does not, and nor do others.
  expect((await asks(one, "/health")).status).toBe(200);
  expect((await asks(freshAddress())).status).toBe(200);
});

test("one network of IPv6 is one address", { timeout: 90_000 }, async () => {
  const project = await makeProject(bucket);
  await earlyInAMinute();
  const from = (host: number) =>
    ask(edge, `/v1/config?key=${project.key}`, {
      headers: { "cf-connecting-ip": `2001:db8:0:1::${host.toString(16)}` },
    });
  for (let i = 0; i < limits.ADDRESS_LIMIT; i++) expect((await from(i)).status).toBe(200);
  expect(await from(999)).toMatchObject(refused);
});

test("what is urgent has a reserve", { timeout: 90_000 }, async () => {
  const [busy, quiet] = [await makeProject(bucket), await makeProject(bucket)];
  await earlyInAMinute();
  for (let i = 0; i < limits.PROJECT_LIMIT; i++) {
    expect((await send(busy.key)).status).toBe(200);
  }
  expect(await send(busy.key)).toMatchObject(refused);
  expect(await send(busy.key, "segment")).toMatchObject(refused);
  for (let i = 0; i < limits.PROJECT_RESERVE; i++) {
    expect((await send(busy.key, ["error", "manual"][i % 2])).status).toBe(200);
  }
  expect(await send(busy.key, "error")).toMatchObject(refused);
  expect((await send(quiet.key)).status).toBe(200);
});

test("each request is counted, with what became of it", async () => {
  const project = await makeProject(bucket);
  const session = makeSession();
  const event = JSON.stringify({
    type: 3,
    timestamp: session.start_ms,
    data: "jane@shop.example, joe@shop.example, 4111 1111 1111 1111",
  });
  const sent = makeBody(session, gzip(event));
  const headers = { origin: ORIGIN, "cf-connecting-ip": freshAddress() };
  await upload(edge, project, sent, { headers });
  await upload(edge, project, sent, { headers });
  await upload(edge, project, makeBody(session, gzip(event), { consent: false }), { headers });
  await upload(edge, project, makeBody(session, "{}"), { headers });
  const points = await until("the data points", async () => {
    const lines = (await edge.log()).split("\n").filter((line) => line.includes('{"point":'));
    const points = lines.map((line) => JSON.parse(line.slice(line.indexOf("{"))).point);
    const ours = points.filter(({ indexes }) => indexes[0] === project.id);
    return ours.length === 4 ? ours : undefined;
  });
  expect(points.map(({ blobs }) => blobs.slice(0, 4))).toEqual([
    [project.id, "batches", "stored", "200"],
    [project.id, "batches", "duplicate", "200"],
    [project.id, "batches", "consent", "200"],
    [project.id, "batches", "event", "400"],
  ]);
  const [bytes, inflated_bytes, events, , card, iban, ssn, email] = points[0].doubles;
  expect([bytes, inflated_bytes, events]).toEqual([sent.length, event.length, 1]);
  expect([card, iban, ssn, email]).toEqual([1, 0, 0, 2]);
});
