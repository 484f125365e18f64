import { expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeKey, makeProject } from "../harness/project.ts";
import { readCounters, withoutBucket } from "../harness/stack.ts";
import { ask } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);

test("a browser may ask about any path", async () => {
  for (const path of ["/v1/batches", "/v1/projects/a/sessions/b", "/nowhere"]) {
    const { status, headers } = await ask(stack, path, {
      method: "OPTIONS",
      headers: {
        origin: "https://player.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
      },
    });
    expect(status).toBe(204);
    expect(headers.get("access-control-allow-methods")).toBe("GET, POST, DELETE, OPTIONS");
    expect(headers.get("access-control-allow-headers")).toBe("authorization, content-type");
    expect(headers.get("access-control-max-age")).toBe("86400");
  }
});

test("a known path with another method says which it has", async () => {
  const allowed = async (method: string, path: string) => {
    const answer = await ask(stack, path, { method });
    expect([answer.status, answer.body.error]).toEqual([405, "method"]);
    return answer.headers.get("allow");
  };
  expect(await allowed("GET", "/v1/batches")).toBe("POST, OPTIONS");
  expect(await allowed("PUT", "/v1/config")).toBe("GET, OPTIONS");
  expect(await allowed("PUT", "/v1/projects/a/sessions/b")).toBe("GET, DELETE, OPTIONS");
  expect(await allowed("GET", "/v1/projects/a/sessions/b/pin")).toBe("POST, DELETE, OPTIONS");
  expect(await allowed("POST", "/v1/projects/a/index")).toBe("GET, OPTIONS");
  expect(await allowed("GET", "/v1/projects/a/erasures")).toBe("POST, OPTIONS");
  expect(await allowed("GET", "/v1/projects/a/sessions/b/urls")).toBe("POST, OPTIONS");
  expect(await allowed("POST", "/health")).toBe("GET, OPTIONS");
});

test("another path is not found", async () => {
  for (const path of ["/", "/v1", "/v1/batches/", "/v2/batches", "/v1/projects/a", "/health/x"]) {
    const answer = await ask(stack, path);
    expect([answer.status, answer.body.error], path).toEqual([404, "not_found"]);
  }
});

test("health is told without the bucket", async () => {
  const before = (await readCounters(stack)).bucket.edge;
  const { status, body } = await ask(stack, "/health");
  expect([status, body.status]).toEqual([200, "ok"]);
  expect((await readCounters(stack)).bucket.edge).toEqual(before);
});

test("a recorder is told its settings and nothing else", async () => {
  const project = await makeProject(bucket, {
    limits: { events_max: 5 },
    excluded_pages: ["/account/*"],
    privacy: { block: ["#map"], require_consent: true },
    clicks: { dead_ms: 2_000 },
    budget: { bytes_per_day: 1_000_000 },
    user_hash_key: "0b".repeat(32),
    retention: { errors: "90d" },
  });
  const { status, headers, body } = await ask(stack, `/v1/config?key=${project.key}`);
  expect(status).toBe(200);
  expect(headers.get("cache-control")).toBe("public, max-age=60");
  expect(body).toEqual({
    version: 1,
    project: project.id,
    sampling: [{ from_ms: 0, all: 1, error: 1, support: 1, segment: 1, manual: 1 }],
    limits: {
      compressed_bytes_max: 2 * 1024 * 1024,
      inflated_bytes_max: 16 * 1024 * 1024,
      ratio_max: 200,
      events_max: 5,
      session_ms_max: 60 * 60_000,
    },
    recorder: { flush_first_ms: 5_000, flush_max_ms: 60_000 },
    excluded_pages: ["/account/*"],
    privacy: {
      unmask: [],
      block: ["#map"],
      query_allow: [],
      network: { urls: [], headers: [], bodies: false },
      trace_origins: [],
      require_consent: true,
      honour_gpc: true,
    },
    clicks: { dead_ms: 2_000 },
  });
});

test("a project key that nobody knows has no settings", async () => {
  for (const query of [`?key=${makeKey()}`, "?key=pk_", "?key=", ""]) {
    const { status, headers, body } = await ask(stack, `/v1/config${query}`);
    expect([status, body.error]).toEqual([401, "unknown_key"]);
    expect(headers.get("cache-control")).toBe("no-store");
  }
});

test("a config is read once a minute", async () => {
  const project = await makeProject(bucket);
  const reads = async () => (await readCounters(stack)).bucket.edge?.GetObject?.requests ?? 0;
  await ask(stack, `/v1/config?key=${project.key}`);
  const before = await reads();
  for (let i = 0; i < 5; i++) {
    await ask(stack, `/v1/config?key=${project.key}`);
  }
  expect(await reads()).toBe(before);
});

test("a config that breaks a rule is our fault, until it is mended", async () => {
  const project = await makeProject(bucket, { sampling: [] });
  const config = () => ask(stack, `/v1/config?key=${project.key}`);
  expect(await config()).toMatchObject({ status: 503, body: { error: "unavailable" } });
  const mended = await makeProject(bucket, { keys: [project.key] });
  const named = JSON.stringify({ version: 1, project: mended.id });
  const other = makeKey();
  await bucket.put(`config/keys/${other}.json`, named);
  // A key whose project does not name it is nobody's.
  expect((await ask(stack, `/v1/config?key=${other}`)).status).toBe(401);
  await bucket.put(
    `config/projects/${project.id}.json`,
    JSON.stringify({
      version: 1,
      revision: 2,
      project: project.id,
      keys: [project.key],
      origins: ["*"],
      sampling: [{ from_ms: 0, all: 1 }],
    }),
  );
  expect(await config()).toMatchObject({ status: 200, body: { project: project.id } });
});

test("a config in another project's place is refused", async () => {
  const [one, two] = [await makeProject(bucket), await makeProject(bucket)];
  const { body } = await bucket.get(`config/projects/${one.id}.json`);
  await bucket.put(`config/projects/${two.id}.json`, body);
  expect((await ask(stack, `/v1/config?key=${two.key}`)).status).toBe(503);
});

test("without the bucket nobody learns a config for the first time", async () => {
  const project = await makeProject(bucket);
  const answer = await withoutBucket(stack, 3, () => ask(stack, `/v1/config?key=${project.key}`));
  expect(answer).toMatchObject({ status: 503, body: { error: "unavailable", retry_after_s: 5 } });
  expect((await ask(stack, `/v1/config?key=${project.key}`)).status).toBe(200);
});
