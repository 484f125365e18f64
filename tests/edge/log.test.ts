import { randomBytes } from "node:crypto";
import { expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeProject } from "../harness/project.ts";
import { readShareKey, seal } from "../harness/secrets.ts";
import { readLog, withoutBucket } from "../harness/stack.ts";
import { until } from "../harness/until.ts";
import { gzip, makeBody, makeEvents, makeSession } from "../harness/upload.ts";
import { ask, upload, view } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);

test("each request is one line, and no line holds a secret", async () => {
  const project = await makeProject(bucket);
  const session = makeSession();
  const planted = `planted-${randomBytes(8).toString("hex")}`;
  const event = JSON.stringify({ type: 3, timestamp: session.start_ms, data: planted });
  const body = makeBody(session, gzip(event));

  await upload(stack, project, body);
  await upload(stack, project, makeBody(session, planted));
  await upload(stack, project, makeBody(session, makeEvents(session), { reason: planted }));
  await upload(stack, { key: `${project.key}&token=${planted}` }, body);
  await ask(stack, `/v1/config?key=${project.key}&token=${planted}`);
  const { body: opened } = await view(stack, project, session.id);
  await view(stack, { ...project, token: planted }, session.id);
  await view(stack, project, `${session.id}?at=${planted}`);
  await view(stack, project, `${session.id}/urls`, {
    method: "POST",
    headers: { authorization: `Bearer ${project.token}` },
    body: JSON.stringify({ chunks: [planted] }),
  });
  const payload = { p: project.id, s: session.id, e: Date.now() + 60_000, n: 0 };
  const grant = seal(await readShareKey(stack), "grant", payload);
  await ask(stack, `/v1/projects/${project.id}/sessions/${session.id}`, {
    headers: { authorization: `Grant ${grant}` },
  });
  // What goes wrong is logged with its cause, and a cause may name a URL.
  await withoutBucket(stack, 4, async () => {
    const other = makeSession();
    const answer = await upload(stack, project, makeBody(other, makeEvents(other)));
    expect(answer.status).toBe(503);
  });

  const log = await until("the last line", async () => {
    const log = await readLog(stack, "edge");
    return log.includes('"cause":"create chunks/') ? log : undefined;
  });
  const lines = log.split("\n").filter((line) => line.includes(`"project":"${project.id}"`));
  const told = lines.map((line) => JSON.parse(line.slice(line.indexOf("{"))));
  expect(told.map(({ route, status, outcome }) => `${route} ${status} ${outcome}`)).toEqual([
    "batches 200 stored",
    "batches 400 event",
    "batches 400 header",
    "batches 200 duplicate",
    "config 200 ok",
    "session 200 ok",
    "session 400 request",
    "urls 400 request",
    "session 200 ok",
    "batches 503 unavailable",
  ]);
  expect(told[0]).toMatchObject({ events: 1, inflated_bytes: event.length, bytes: body.length });

  const secrets = {
    "the upload key": session.upload,
    "the viewer's token": project.token,
    "what the visitor saw, or somebody put into a query": planted,
    "a signature": new URL(Object.values<string>(opened.urls)[0] ?? "").searchParams.get(
      "X-Amz-Signature",
    ),
    "any signature": "X-Amz-Signature",
    "the owner's secret key": stack.up.bucket.secret_access_key,
    "the demo's token": stack.up.viewer_token,
    "what grants are made with": await readShareKey(stack),
    "a grant": grant,
  };
  for (const [what, secret] of Object.entries(secrets)) {
    expect(secret, what).toBeTruthy();
    expect(log.includes(secret as string), what).toBe(false);
  }
});
