import { createHmac } from "node:crypto";
import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeTeam } from "../harness/team.ts";
import { makeBody, makeEvents, makeSession } from "../harness/upload.ts";
import { ask, upload } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
const user_hash_key = "0c".repeat(32);

type Team = Awaited<ReturnType<typeof makeTeam>>;

const call = ({ project, tokens }: Team, method: string, path: string, body?: unknown) =>
  ask(stack, `/v1/projects/${project.id}/${path}`, {
    method,
    headers: { authorization: `Bearer ${tokens.admin}` },
    body: body === undefined ? null : JSON.stringify(body),
  });

/** The object that an accepted call has left, and what it says of how far it has come. */
async function accepted(team: Team, method: string, path: string, body?: unknown) {
  const answer = await call(team, method, path, body);
  expect(answer.status).toBe(202);
  const { request, state_url } = answer.body;
  expect(state_url).toBe(`/v1/projects/${team.project.id}/erasures/${request}`);
  const written = await bucket.get(`requests/${team.project.id}/${request}.json`);
  expect(written.head.ContentType).toBe("application/json");
  return { request, written: JSON.parse(written.body.toString()) };
}

test("pinning and erasing are written down for the indexer", async () => {
  const team = await makeTeam(bucket, { user_hash_key });
  const session = makeSession().id;
  const user = `hmac:${createHmac("sha256", Buffer.from(user_hash_key, "hex")).update("u_17").digest("hex")}`;
  for (const [method, path, body, says] of [
    ["POST", `sessions/${session}/pin`, undefined, { action: "pin", session }],
    ["DELETE", `sessions/${session}/pin`, undefined, { action: "unpin", session }],
    ["DELETE", `sessions/${session}`, undefined, { action: "erase_session", session }],
    ["POST", "erasures", { user: "u_17" }, { action: "erase_user", user }],
    ["POST", "erasures", { user_hash: user }, { action: "erase_user", user }],
  ] as const) {
    const { request, written } = await accepted(team, method, path, body);
    expect(request).toMatch(/^\d{13}-[0-9a-f]{16}$/);
    expect(written).toEqual({
      version: 1,
      id: request,
      project: team.project.id,
      ...says,
      requested_ms: Number(request.split("-")[0]),
      by: "the admin",
    });
    expect(JSON.stringify(written)).not.toContain("u_17");
  }
});

test("the state of a request", async () => {
  const team = await makeTeam(bucket, { user_hash_key });
  const { request } = await accepted(team, "POST", "erasures", { user: "u_17" });
  const state = () => call(team, "GET", `erasures/${request}`);
  const place = `erasures/${team.project.id}/state/${request}.json`;
  if (!(await bucket.keys(place)).length) {
    const { body } = await state();
    expect(body).toMatchObject({ version: 1, id: request, action: "erase_user" });
  }
  const done = {
    version: 1,
    id: request,
    action: "erase_user",
    state: "done",
    tombstone_ms: 1,
    pass: 2,
    shards_done: 256,
    sessions: 3,
    removed: { chunks: 41, manifests: 3, tapes: 1, rows: 12 },
    done_ms: 2,
  };
  await bucket.put(place, JSON.stringify(done));
  expect((await state()).body).toEqual(done);
  await bucket.put(place, "garbage");
  expect((await state()).status).toBe(503);
  expect((await call(team, "GET", "erasures/x")).status).toBe(400);
  expect((await call(team, "GET", "erasures/1700000000000-00112233445566ff")).status).toBe(404);
});

test("what asks for nobody is refused", async () => {
  const team = await makeTeam(bucket, { user_hash_key });
  for (const body of [
    {},
    { user: "" },
    { user: 17 },
    { user_hash: "u_17" },
    { user: "a", user_hash: `hmac:${"0".repeat(64)}` },
    [],
  ]) {
    const { status, body: told } = await call(team, "POST", "erasures", body);
    expect([status, told.error], JSON.stringify(body)).toEqual([400, "request"]);
  }
  const without = await makeTeam(bucket);
  const { status, body } = await call(without, "POST", "erasures", { user: "u_17" });
  expect(status).toBe(400);
  expect(body.detail).toContain("user_hash_key");
  expect(await bucket.keys(`requests/${team.project.id}/`)).toEqual([]);
});

const open: (() => void)[] = [];
afterAll(() => {
  for (const close of open) close();
});

/** The stack's store, but for writes under a prefix, which it refuses. */
async function storeWithout(prefix: string) {
  const { endpoint, name, region } = stack.up.bucket;
  const { hostname, port } = new URL(endpoint);
  const server = createServer((incoming, response) => {
    if (incoming.method === "PUT" && incoming.url?.startsWith(`/${name}/${prefix}`)) {
      incoming.resume();
      response.writeHead(503).end("<Error><Code>SlowDown</Code></Error>");
      return;
    }
    const { method, url, headers } = incoming;
    // The host that was signed for goes along.
    const outgoing = send({ hostname, port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    outgoing.on("error", () => response.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(() => server.closeAllConnections());
  open.push(() => server.close());
  const { port: own } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${own}`, bucket: name, region };
}

test("what cannot be recorded is not handed out", async () => {
  const store = await storeWithout("audit/");
  const team = await makeTeam(bucket, { store, user_hash_key });
  const session = makeSession();
  const stored = await upload(stack, team.project, makeBody(session, makeEvents(session)));
  expect(stored.body).toEqual({ outcome: "stored" });
  for (const [method, path, body] of [
    ["GET", `sessions/${session.id}`],
    ["POST", `sessions/${session.id}/urls`, { chunks: [] }],
    ["POST", `sessions/${session.id}/shares`, {}],
    ["GET", "index?from=2026-01-01&to=2026-01-01"],
    ["POST", `sessions/${session.id}/pin`],
    ["DELETE", `sessions/${session.id}`],
    ["POST", "erasures", { user: "u_17" }],
  ] as const) {
    const { status, body: told } = await call(team, method, path, body);
    expect([status, told.error], path).toEqual([503, "unavailable"]);
    expect(told).not.toHaveProperty("grant");
  }
  // Nor is it asked for.
  expect(await bucket.keys(`requests/${team.project.id}/`)).toEqual([]);
});

test("a request that cannot be written is not accepted", async () => {
  const team = await makeTeam(bucket, { store: await storeWithout("requests/"), user_hash_key });
  const { status } = await call(team, "DELETE", `sessions/${makeSession().id}`);
  expect(status).toBe(503);
});
