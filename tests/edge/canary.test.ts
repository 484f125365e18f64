import { randomBytes } from "node:crypto";
import { expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeProject } from "../harness/project.ts";
import { readLog } from "../harness/stack.ts";
import { until } from "../harness/until.ts";
import { gzip, makeBody, makeEvents, makeSession } from "../harness/upload.ts";
import { ORIGIN } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);

/** A request that is refused, with something in one place of it that is nobody's business. */
interface Request {
  path: string;
  method?: string;
  headers?: Record<string, string>;
  body?: Uint8Array<ArrayBuffer> | string;
}

test("what was refused is in no line of the log and in no data point, wherever it stood", async () => {
  const project = await makeProject(bucket);
  const session = makeSession();
  const canary = `canary${randomBytes(8).toString("hex")}`;
  const good = makeBody(session, gzip(makeEvents(session)));
  const batches = `/v1/batches?key=${project.key}`;
  const line = (event: object) => `${JSON.stringify(event)}\n`;
  const events = (event: object) => makeBody(session, gzip(line(event)));
  const at = session.start_ms;
  const watched = `/v1/projects/${project.id}/sessions/${session.id}`;
  const headers = { origin: ORIGIN };
  const viewer = { authorization: `Bearer ${project.token}` };

  const refused: Record<string, Request> = {
    "the key": { path: `/v1/batches?key=${canary}`, headers, body: good },
    "the origin": { path: batches, headers: { origin: `https://${canary}.example` }, body: good },
    "a header line that is none": { path: batches, headers, body: `${canary}\n` },
    "no header line": { path: batches, headers, body: canary.repeat(400) },
    "a field of the header": {
      path: batches,
      headers,
      body: makeBody(session, makeEvents(session), { page: canary }),
    },
    "its reason": {
      path: batches,
      headers,
      body: makeBody(session, makeEvents(session), { reason: canary }),
    },
    "its upload key": {
      path: batches,
      headers,
      body: makeBody(session, makeEvents(session), { upload: canary }),
    },
    "a segment": {
      path: batches,
      headers,
      body: makeBody(session, makeEvents(session), { segments: [canary.repeat(9)] }),
    },
    "a batch that is no text": {
      path: batches,
      headers,
      body: makeBody(session, gzip(Buffer.concat([Buffer.from(canary), Buffer.from([0xff])]))),
    },
    "a line that is no event": { path: batches, headers, body: makeBody(session, gzip(canary)) },
    "an event's type": { path: batches, headers, body: events({ type: canary, timestamp: at }) },
    "an event's time": { path: batches, headers, body: events({ type: 3, timestamp: canary }) },
    "an event's data": {
      path: batches,
      headers,
      body: events({ type: 3, timestamp: 1, data: canary }),
    },
    "gzip that is damaged": {
      path: batches,
      headers,
      body: makeBody(session, Buffer.concat([gzip(canary), Buffer.from(canary)])),
    },
    "a path": { path: `/v1/${canary}` },
    "a method": { path: "/v1/batches", method: canary.toUpperCase() },
    "a project": { path: `/v1/projects/${canary}/sessions/${session.id}`, headers: viewer },
    "a session": { path: `/v1/projects/${project.id}/sessions/${canary}`, headers: viewer },
    "a moment": { path: `${watched}?at=${canary}`, headers: viewer },
    "a token": { path: watched, headers: { authorization: `Bearer ${canary}` } },
    "a grant": { path: watched, headers: { authorization: `Grant ${canary}` } },
    "another scheme": { path: watched, headers: { authorization: `Basic ${canary}` } },
    "an assertion": { path: watched, headers: { "cf-access-jwt-assertion": canary } },
    "a chunk's name": {
      path: `${watched}/urls`,
      method: "POST",
      headers: viewer,
      body: JSON.stringify({ chunks: [canary] }),
    },
    "a range of days": {
      path: `/v1/projects/${project.id}/index?from=${canary}&to=${canary}&tables=${canary}`,
      headers: viewer,
    },
    "who is to be forgotten": {
      path: `/v1/projects/${project.id}/erasures`,
      method: "POST",
      headers: viewer,
      body: JSON.stringify({ users: canary }),
    },
  };
  for (const [place, { path, method, headers, body }] of Object.entries(refused)) {
    const response = await fetch(stack.up.edge + path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        // These are in every request, and no rule looks at them.
        cookie: `session=${canary}`,
        referer: `https://shop.example/${canary}`,
        "user-agent": `Mozilla/5.0 ${canary}`,
        "x-forwarded-for": canary,
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    await response.text();
    expect(response.status, place).toBeGreaterThanOrEqual(400);
    // A method that HTTP does not have is not the Worker's to refuse: workerd does.
    if (response.status !== 501) expect(response.status, place).toBeLessThan(500);
  }

  // The log is written in order: what came last is there when all else is.
  await fetch(`${stack.up.edge}${batches}`, { method: "POST", headers, body: good });
  const log = await until("the last line", async () => {
    const log = await readLog(stack, "edge");
    const lines = log.split("\n").filter((line) => line.includes(project.id));
    return lines.some((line) => line.includes('"stored"')) ? log : undefined;
  });
  expect(log).toContain('"point"');
  // Miniflare says each path that it was asked for. It is nowhere deployed.
  const lines = log
    .toLowerCase()
    .split("\n")
    .filter((line) => !line.startsWith("[mf:"));
  expect(lines.filter((line) => line.includes(canary))).toEqual([]);
});
