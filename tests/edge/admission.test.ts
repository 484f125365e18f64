import { createHmac } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeKey, makeProject, type Project } from "../harness/project.ts";
import { readShareKey, seal } from "../harness/secrets.ts";
import { readLog } from "../harness/stack.ts";
import { until } from "../harness/until.ts";
import {
  chunksPrefix,
  type HeaderChanges,
  makeBody,
  makeEvents,
  makeSession,
} from "../harness/upload.ts";
import { ORIGIN, upload } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
const share_key = await readShareKey(stack);

/** What becomes of a batch of a new session. */
async function outcome(
  project: Pick<Project, "key">,
  { headers = {}, changes = {} }: { headers?: object; changes?: HeaderChanges } = {},
): Promise<string> {
  const session = makeSession();
  const { body } = await upload(stack, project, makeBody(session, makeEvents(session), changes), {
    headers: { origin: ORIGIN, ...headers },
  });
  return body.reason ?? body.outcome ?? body.error;
}

test("bots are dropped where the project says nothing else", async () => {
  const project = await makeProject(bucket, { bots: "drop" });
  const from = (agent: string) => outcome(project, { headers: { "user-agent": agent } });
  expect(await from("Mozilla/5.0 (compatible; Googlebot/2.1)")).toBe("bot");
  expect(await from("Mozilla/5.0 (X11) AppleWebKit/537.36 HeadlessChrome/140 Safari/537.36")).toBe(
    "bot",
  );
  expect(await from("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0")).toBe("stored");
  const keeps = await makeProject(bucket, { bots: "keep" });
  expect(await outcome(keeps, { headers: { "user-agent": "Googlebot/2.1" } })).toBe("stored");
});

test("Global Privacy Control is a refusal, unless the visitor has agreed or the project is deaf", async () => {
  const project = await makeProject(bucket);
  const gpc = { headers: { "sec-gpc": "1" } };
  expect(await outcome(project, gpc)).toBe("consent");
  expect(await outcome(project, { ...gpc, changes: { consent: true } })).toBe("stored");
  expect(await outcome(project, { headers: { "sec-gpc": "0" } })).toBe("stored");
  const deaf = await makeProject(bucket, { privacy: { honour_gpc: false } });
  expect(await outcome(deaf, gpc)).toBe("stored");
  const asks = await makeProject(bucket, { privacy: { require_consent: true } });
  expect(await outcome(asks)).toBe("consent");
  expect(await outcome(asks, { changes: { consent: true } })).toBe("stored");
});

test("an excluded page is not stored", async () => {
  const project = await makeProject(bucket, { excluded_pages: ["/account/*"] });
  const session = makeSession();
  const batch = (href: string) =>
    `${makeEvents(session)}${JSON.stringify({ type: 4, timestamp: session.start_ms, data: { href } })}\n`;
  const send = async (href: string, seq: number) =>
    (await upload(stack, project, makeBody(session, batch(href), { seq }))).body;
  expect(await send("http://localhost/account/1", 0)).toEqual({
    outcome: "dropped",
    reason: "excluded_page",
  });
  expect(await send("http://localhost/accounts", 1)).toEqual({ outcome: "stored" });
  expect(await bucket.keys(chunksPrefix(project.id, session.id))).toHaveLength(1);
});

test("support counts with a ticket of this edge, and with no other", async () => {
  const project = await makeProject(bucket, {
    sampling: [{ from_ms: 0, all: 0 }],
    share_epoch: 2,
  });
  const ticket = { p: project.id, e: Date.now() + 60_000, n: 2 };
  const claim = (support?: string) =>
    outcome(project, { changes: { reason: "support", ...(support && { support }) } });
  expect(await claim(seal(share_key, "ticket", ticket))).toBe("stored");
  const wrong = [
    undefined,
    "x",
    seal(share_key, "ticket", { ...ticket, e: Date.now() - 60_000 }),
    seal(share_key, "ticket", { ...ticket, n: 1 }),
    seal(share_key, "ticket", { ...ticket, p: "other" }),
    seal(share_key, "grant", ticket),
    seal(`${share_key}x`, "ticket", ticket),
  ];
  for (const support of wrong) {
    expect(await claim(support), support).toBe("not_sampled");
  }
});

test("over its budget a project keeps only what has a reserve", async () => {
  const used = async (bytes: number) => {
    const project = await makeProject(bucket, { budget: { bytes_per_day: 1_000, reserve: 0.2 } });
    const day = new Date().toISOString().slice(0, 10);
    const usage = { version: 1, bytes, chunks: 1 };
    await bucket.put(`usage/${project.id}/${day}.json`, JSON.stringify(usage));
    const of = (reason: string) => outcome(project, { changes: { reason } });
    return [await of("all"), await of("segment"), await of("error"), await of("manual")];
  };
  expect(await used(639)).toEqual(["stored", "stored", "stored", "stored"]);
  expect(await used(800)).toEqual(["over_budget", "over_budget", "stored", "stored"]);
  expect(await used(1_000)).toEqual(["over_budget", "over_budget", "over_budget", "over_budget"]);
  const halved = await makeProject(bucket, { budget: { bytes_per_day: 1_000 } });
  const day = new Date().toISOString().slice(0, 10);
  const usage = { version: 1, bytes: 640, chunks: 1 };
  await bucket.put(`usage/${halved.id}/${day}.json`, JSON.stringify(usage));
  const outcomes = new Set<string>();
  await until("one that is left out and one that is not", async () => {
    outcomes.add(await outcome(halved));
    return outcomes.size === 2 ? true : undefined;
  });
  expect([...outcomes].sort()).toEqual(["not_sampled", "stored"]);
});

test("a counter that cannot be read stops no recording", async () => {
  const project = await makeProject(bucket, { budget: { bytes_per_day: 1 } });
  const day = new Date().toISOString().slice(0, 10);
  await bucket.put(`usage/${project.id}/${day}.json`, "garbage");
  expect(await outcome(project)).toBe("stored");
  const log = await until("a word about it", async () => {
    const log = await readLog(stack, "edge");
    return log.includes(`"stale":"usage/${project.id}/`) ? log : undefined;
  });
  expect(log).toContain("usage is not of the form in spec/usage.md");
});

test("users are stored hashed, and everything else as it came", async () => {
  const user_hash_key = "0b".repeat(32);
  const project = await makeProject(bucket, { users: "hashed", user_hash_key });
  const session = makeSession();
  const identify = (user: unknown) =>
    `{"type":5, "timestamp":${session.start_ms},"data":{"tag":"tapedeck.identify","payload":{"user":${JSON.stringify(user)},"traits":{ "plan":"pro"}}}}\n`;
  const events = makeEvents(session);
  const sent = events + identify("mary@shop.example") + identify(17) + events;
  expect((await upload(stack, project, makeBody(session, sent))).body).toEqual({
    outcome: "stored",
  });
  const [key] = await bucket.keys(chunksPrefix(project.id, session.id));
  const stored = gunzipSync((await bucket.get(key as string)).body).toString();
  const hash = (user: string) => {
    const digest = createHmac("sha256", Buffer.from(user_hash_key, "hex")).update(user);
    return `hmac:${digest.digest("hex")}`;
  };
  expect(stored).toBe(events + identify(hash("mary@shop.example")) + identify(hash("17")) + events);
  // What is sent again is known again, although other bytes lie there.
  expect((await upload(stack, project, makeBody(session, sent))).body).toEqual({
    outcome: "duplicate",
  });
});

test("several project keys hold at once, and one that was taken out is void", async () => {
  const old = makeKey();
  const project = await makeProject(bucket);
  const { body } = await bucket.get(`config/projects/${project.id}.json`);
  const config = { ...JSON.parse(body.toString()), revision: 2, keys: [old, project.key] };
  await bucket.put(`config/projects/${project.id}.json`, JSON.stringify(config));
  await bucket.put(`config/keys/${old}.json`, JSON.stringify({ version: 1, project: project.id }));
  expect(await outcome({ key: old })).toBe("stored");
  expect(await outcome(project)).toBe("stored");
  // Its object may still lie there: the project's own list decides.
  const void_key = makeKey();
  await bucket.put(
    `config/keys/${void_key}.json`,
    JSON.stringify({ version: 1, project: project.id }),
  );
  expect(await outcome({ key: void_key })).toBe("unknown_key");
});
