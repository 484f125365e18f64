import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { type Edge, startEdge } from "../harness/edge.ts";
import { makeProject } from "../harness/project.ts";
import { withoutBucket } from "../harness/stack.ts";
import { makeBody, makeEvents, makeSession } from "../harness/upload.ts";
import { ask, upload, view } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);

// A config counts as fresh for a minute: here of a clock that runs faster.
const CLOCK_SPEED = 20;

let edge: Edge;

beforeAll(async () => {
  edge = await startEdge(stack, "edge-fast-clock", {}, CLOCK_SPEED);
});

afterAll(() => edge?.stop());

test("while the config's bucket is away recording goes on with what was known, and viewers are let in no more", {
  timeout: 60_000,
}, async () => {
  // Another bucket, which is not away.
  const written: string[] = [];
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      if (request.method === "PUT") written.push(request.url ?? "");
      response.writeHead(200, { etag: '"1"' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const store = {
      endpoint: `http://127.0.0.1:${port}`,
      bucket: "elsewhere",
      region: "eu-central-1",
    };
    const apart = await makeProject(bucket, { store });
    const here = await makeProject(bucket);
    const session = makeSession();
    const batch = makeBody(session, makeEvents(session));
    const config = () => ask(edge, `/v1/config?key=${apart.key}`);
    expect((await config()).status).toBe(200);
    expect((await upload(edge, here, batch)).body).toEqual({ outcome: "stored" });
    expect((await view(edge, here, session.id)).status).toBe(200);
    await sleep(61_000 / CLOCK_SPEED);
    await withoutBucket(stack, 8, async () => {
      expect((await config()).status).toBe(200);
      expect((await upload(edge, apart, batch)).body).toEqual({ outcome: "stored" });
      expect((await view(edge, here, session.id)).status).toBe(503);
    });
    expect((await view(edge, here, session.id)).status).toBe(200);
    // What is stored apart is signed for there, and is nowhere else.
    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(new RegExp(`^/elsewhere/chunks/${apart.id}/`));
    expect(decodeURIComponent(written[0] as string)).toContain("/eu-central-1/s3/");
    expect(await bucket.keys(`chunks/${apart.id}/`)).toEqual([]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
