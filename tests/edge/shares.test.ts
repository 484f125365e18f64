import { beforeAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { readShareKey, seal } from "../harness/secrets.ts";
import { makeTeam } from "../harness/team.ts";
import { until } from "../harness/until.ts";
import { gzip, makeBody, makeEvents, makeSession, type Session } from "../harness/upload.ts";
import { ask, upload } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
const share_key = await readShareKey(stack);
const DAY_MS = 24 * 60 * 60_000;

let team: Awaited<ReturnType<typeof makeTeam>>;
let session: Session;

beforeAll(async () => {
  team = await makeTeam(bucket, { share_epoch: 3 });
  session = makeSession(120_000);
  // Six batches of 10 s, a checkpoint in the first and the fourth.
  for (let seq = 0; seq < 6; seq++) {
    const start = { ...session, start_ms: session.start_ms + seq * 10_000 };
    const lines = makeEvents(start, 12).split("\n");
    const events = seq % 3 === 0 ? lines.join("\n") : lines.slice(2).join("\n");
    const { body } = await upload(
      stack,
      team.project,
      makeBody(session, gzip(events), { seq, sent: start.start_ms + 5_000 }),
    );
    expect(body).toEqual({ outcome: "stored" });
  }
});

const call = (path: string, authorization: string, body?: unknown) =>
  ask(stack, `/v1/projects/${team.project.id}/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization },
    body: body === undefined ? null : JSON.stringify(body),
  });
const share = (body: unknown) =>
  call(`sessions/${session.id}/shares`, `Bearer ${team.tokens.support}`, body);
const seqs = (names: string[]) => names.map((name) => Number(name.split("-")[1])).sort();

test("a grant opens its session until it expires", async () => {
  const { status, body } = await share({ expires_ms: Date.now() + 1_500 });
  expect(status).toBe(200);
  const open = () => call(`sessions/${session.id}`, `Grant ${body.grant}`);
  expect((await open()).status).toBe(200);
  await until("its end", async () => ((await open()).status === 401 ? true : undefined));
  expect(Date.now()).toBeGreaterThanOrEqual(body.expires_ms);
});

test("how long a grant lives", async () => {
  const days = (n: number) => Date.now() + n * DAY_MS;
  const { body } = await share({});
  expect(Math.abs(body.expires_ms - days(7))).toBeLessThan(10_000);
  expect((await share({ expires_ms: days(89) })).status).toBe(200);
  for (const wrong of [
    { expires_ms: days(91) },
    { expires_ms: Date.now() - 1 },
    { expires_ms: "x" },
    { at_ms: 5, until_ms: 5 },
    [],
  ]) {
    expect((await share(wrong)).status, JSON.stringify(wrong)).toBe(400);
  }
});

test("a grant that this edge did not give out opens nothing", async () => {
  const { body } = await share({});
  const grant: string = body.grant;
  const payload = { p: team.project.id, s: session.id, e: Date.now() + DAY_MS, n: 3 };
  expect(
    (await call(`sessions/${session.id}`, `Grant ${seal(share_key, "grant", payload)}`)).status,
  ).toBe(200);
  for (const wrong of [
    seal(share_key, "grant", { ...payload, n: 2 }),
    seal(share_key, "grant", { ...payload, n: 4 }),
    seal(share_key, "grant", { ...payload, e: Date.now() }),
    seal(share_key, "grant", { ...payload, p: "other" }),
    seal(share_key, "ticket", payload),
    seal("another key of the same length, or nearly", "grant", payload),
    grant.slice(0, -1),
    `${grant}.`,
    grant.split(".").reverse().join("."),
    "",
  ]) {
    expect((await call(`sessions/${session.id}`, `Grant ${wrong}`)).status, wrong).toBe(401);
  }
  // It is not a token, nor is its place the query.
  expect((await call(`sessions/${session.id}`, `Bearer ${grant}`)).status).toBe(401);
  expect(
    (await ask(stack, `/v1/projects/${team.project.id}/sessions/${session.id}?grant=${grant}`))
      .status,
  ).toBe(401);
});

test("a moment is all that a grant with one opens", async () => {
  const token = `Bearer ${team.tokens.viewer}`;
  const whole = await until("the manifest with all chunks", async () => {
    const { body } = await call(`sessions/${session.id}?at=end`, token);
    return body.manifest?.counts.chunks === 6 ? body : undefined;
  });
  const chunks = whole.manifest.pages[0].chunks as { seq: number; hash: string }[];
  const name = (seq: number) =>
    `${session.page}-0000${seq}-${chunks.find((chunk) => chunk.seq === seq)?.hash}`;
  // Within the fifth batch: it needs the checkpoint of the fourth.
  const at_ms = session.start_ms + 40_000;
  const { body } = await share({ at_ms, until_ms: at_ms + 5_000 });
  const grant = `Grant ${body.grant}`;
  for (const query of ["", "?at=0", "?at=end", `?at=${at_ms}`]) {
    const opened = await call(`sessions/${session.id}${query}`, grant);
    expect(opened.status).toBe(200);
    expect(seqs(Object.keys(opened.body.urls)).every((seq) => [3, 4].includes(seq))).toBe(true);
    expect(opened.body.newer).toEqual([]);
  }
  const opened = await call(`sessions/${session.id}`, grant);
  expect(seqs(Object.keys(opened.body.urls))).toEqual([3, 4]);
  const sign = async (...wanted: number[]) =>
    (await call(`sessions/${session.id}/urls`, grant, { chunks: wanted.map(name) })).status;
  expect(await sign(3, 4)).toBe(200);
  expect(await sign(4, 5)).toBe(403);
  expect(await sign(0)).toBe(403);
});

test("a ticket has a visitor recorded, and ends", async () => {
  const ticket = (body: unknown) => call("tickets", `Bearer ${team.tokens.support}`, body);
  const { status, body } = await ticket({ note: "order 17 does not go through" });
  expect(status).toBe(200);
  expect(Math.abs(body.expires_ms - Date.now() - DAY_MS)).toBeLessThan(10_000);
  const nobody = await makeTeam(bucket, { sampling: [{ from_ms: 0, all: 0 }] });
  const given = await ask(stack, `/v1/projects/${nobody.project.id}/tickets`, {
    method: "POST",
    headers: { authorization: `Bearer ${nobody.tokens.support}` },
  });
  const visit = async (support: string) => {
    const visitor = makeSession();
    const batch = makeBody(visitor, makeEvents(visitor), { reason: "support", support });
    return (await upload(stack, nobody.project, batch)).body;
  };
  expect(await visit(given.body.ticket)).toEqual({ outcome: "stored" });
  expect(await visit(body.ticket)).toEqual({ outcome: "dropped", reason: "not_sampled" });
  expect((await ticket({ expires_ms: Date.now() + 8 * DAY_MS })).status).toBe(400);
  const keys = await bucket.keys(`audit/${team.project.id}/`);
  const records = await Promise.all(
    keys.map(async (key) => JSON.parse((await bucket.get(key)).body.toString())),
  );
  expect(records.find(({ call }) => call === "ticket")).toMatchObject({
    who: "the support",
    note: "order 17 does not go through",
  });
});
