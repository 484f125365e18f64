import { expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeKey, makeProject } from "../harness/project.ts";
import { makeSession } from "../harness/upload.ts";
import { expectSecurity } from "./client.ts";

const stack = inject("stack");

test("every reply tells browsers the same, on every path", async () => {
  const project = await makeProject(new Bucket(stack.up));
  const viewer = { authorization: `Bearer ${project.token}` };
  const session = `/v1/projects/${project.id}/sessions/${makeSession().id}`;
  const cases: [number, string, RequestInit?][] = [
    [200, "/health"],
    [405, "/health", { method: "DELETE" }],
    [204, "/v1/batches", { method: "OPTIONS" }],
    [204, "/anything", { method: "OPTIONS" }],
    [401, "/v1/batches", { method: "POST", body: "x" }],
    [401, `/v1/batches?key=${makeKey()}`, { method: "POST", body: "x" }],
    [403, `/v1/batches?key=${project.key}`, { method: "POST", body: "x" }],
    [413, `/v1/batches?key=${project.key}`, { method: "POST", body: new Uint8Array(9e6) }],
    [405, "/v1/batches"],
    [200, `/v1/config?key=${project.key}`],
    [401, "/v1/config"],
    [405, "/v1/config", { method: "POST", body: "x" }],
    [401, session],
    [404, session, { headers: viewer }],
    [400, `${session}?at=never`, { headers: viewer }],
    [400, `/v1/projects/${project.id}/sessions/x`, { headers: viewer }],
    [400, `${session}/urls`, { method: "POST", headers: viewer, body: "x" }],
    [200, `${session}/urls`, { method: "POST", headers: viewer, body: '{"chunks":[]}' }],
    [401, `${session}/urls`, { method: "POST", body: "x" }],
    [404, "/"],
    [404, "/r/"],
    [404, "/r/none/tapedeck.js"],
    [404, "/_headers"],
    [200, "/r/manifest.json"],
    [200, "/r/latest/tapedeck.js"],
  ];
  for (const [status, path, init] of cases) {
    const response = await fetch(stack.up.edge + path, init);
    await response.arrayBuffer();
    expect(response.status, `${init?.method ?? "GET"} ${path}`).toBe(status);
    expectSecurity(response.headers);
  }
});
