import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeProject, type Project } from "../harness/project.ts";
import { withoutBucket } from "../harness/stack.ts";
import { until } from "../harness/until.ts";
import {
  chunksPrefix,
  gzip,
  makeBody,
  makeEvents,
  makeSession,
  placeOf,
} from "../harness/upload.ts";
import { ORIGIN, upload, view } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
let project: Project;

beforeAll(async () => {
  project = await makeProject(bucket);
  // From now on the edge knows the project for a minute.
  const session = makeSession();
  await upload(stack, project, makeBody(session, makeEvents(session)));
});

test("while the bucket is away nothing is called stored, and the same bytes are afterwards", async () => {
  const session = makeSession();
  const body = makeBody(session, gzip(makeEvents(session)));
  await withoutBucket(stack, 4, async () => {
    expect(await upload(stack, project, body)).toMatchObject({
      status: 503,
      body: { error: "unavailable", retry_after_s: 5 },
    });
    expect((await view(stack, project, session.id)).status).toBe(503);
  });
  expect((await upload(stack, project, body)).body).toEqual({ outcome: "stored" });
  expect((await upload(stack, project, body)).body).toEqual({ outcome: "duplicate" });
  expect(await bucket.keys(chunksPrefix(project.id, session.id))).toHaveLength(1);
});

/** A store that answers as a test wants it to, attempt by attempt; the last answer stays. */
async function storeThat(...answers: ((response: ServerResponse) => void)[]) {
  const attempts: { request: IncomingMessage; body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    attempts.push({ request, body: Buffer.concat(pieces) });
    answers[Math.min(attempts.length, answers.length) - 1]?.(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(() => server.closeAllConnections());
  open.push(() => server.close());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const store = { endpoint, bucket: "elsewhere", region: "eu-central-1" };
  return { attempts, project: await makeProject(bucket, { store }) };
}

const open: (() => void)[] = [];
afterAll(() => {
  for (const close of open) close();
});

const answer = (status: number, code?: string) => (response: ServerResponse) => {
  response.writeHead(status, { etag: '"1"' });
  response.end(code && `<?xml version="1.0"?><Error><Code>${code}</Code><Key>k</Key></Error>`);
};

async function send(project: Project) {
  const session = makeSession();
  const batch = gzip(makeEvents(session));
  return { batch, answer: await upload(stack, project, makeBody(session, batch)) };
}

test("a store that is busy is asked again, with the same request", async () => {
  const { attempts, project } = await storeThat(
    answer(503, "SlowDown"),
    answer(409, "ConditionalRequestConflict"),
    answer(200),
  );
  const { batch, answer: answered } = await send(project);
  expect(answered.body).toEqual({ outcome: "stored" });
  expect(attempts).toHaveLength(3);
  expect(new Set(attempts.map(({ request }) => request.url)).size).toBe(1);
  for (const { request, body } of attempts) {
    expect(request.method).toBe("PUT");
    expect(request.url).toMatch(
      new RegExp(`^/elsewhere/${chunksPrefix(project.id, "").slice(0, 7)}`),
    );
    expect(body.equals(batch)).toBe(true);
    expect(request.headers).toMatchObject({
      "content-type": "application/gzip",
      "content-length": String(batch.length),
      "if-none-match": "*",
      "x-amz-checksum-sha256": createHash("sha256").update(batch).digest("base64"),
      "x-amz-meta-reason": "all",
    });
    const url = new URL(request.url ?? "", "http://store");
    const signed = url.searchParams.get("X-Amz-SignedHeaders")?.split(";") ?? [];
    const amazons = Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"));
    expect(signed).toEqual(
      expect.arrayContaining(["content-type", "host", "if-none-match", ...amazons]),
    );
  }
});

test("a batch that came through although the store seemed away is a duplicate", async () => {
  const { project } = await storeThat(
    (response) => response.destroy(),
    answer(412, "PreconditionFailed"),
  );
  expect((await send(project)).answer.body).toEqual({ outcome: "duplicate" });
});

test.for<[string, (response: ServerResponse) => void, number, number]>([
  ["away", answer(503, "SlowDown"), 4, 5],
  ["full of conflicts", answer(409, "ConditionalRequestConflict"), 4, 5],
  ["cutting connections", (response) => response.destroy(), 4, 5],
  ["refusing", answer(403, "AccessDenied"), 1, 60],
  ["without the bucket", answer(404, "NoSuchBucket"), 1, 60],
  ["elsewhere", (response) => response.writeHead(307, { location: "/" }).end(), 1, 60],
  ["no store", (response) => response.writeHead(200).end("<html>welcome</html>"), 1, 5],
])("a store that is %s is our fault", async ([, behaviour, attempts_expected, retry_after_s]) => {
  const { attempts, project } = await storeThat(behaviour);
  const { answer } = await send(project);
  expect(answer).toMatchObject({ status: 503, body: { error: "unavailable", retry_after_s } });
  expect(attempts).toHaveLength(attempts_expected);
});

test("a store that says nothing is given up after a while", async () => {
  const { attempts, project } = await storeThat(() => {});
  const before_ms = Date.now();
  const { answer } = await send(project);
  expect(answer).toMatchObject({ status: 503, body: { error: "unavailable" } });
  expect(attempts.length).toBeGreaterThan(1);
  expect(Date.now() - before_ms).toBeLessThan(20_000);
});

test("an answer that is cut short says nothing", async () => {
  const { attempts, project } = await storeThat((response) => {
    response.writeHead(200, { etag: '"1"', "content-length": "10" });
    response.write("x", () => response.destroy());
  });
  expect((await send(project)).answer).toMatchObject({ status: 503 });
  expect(attempts).toHaveLength(4);
});

test("an answer that drips, or has no end, is given up", async () => {
  const drips = await storeThat((response) => {
    response.writeHead(200, { etag: '"1"' });
    const timer = setInterval(() => response.write("x"), 200);
    response.on("close", () => clearInterval(timer));
  });
  const floods = await storeThat((response) => {
    response.writeHead(200, { etag: '"1"' });
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
    };
    response.on("drain", more);
    more();
  });
  for (const { project } of [drips, floods])
    expect((await send(project)).answer).toMatchObject({
      status: 503,
      body: { error: "unavailable" },
    });
}, 40_000);

test("a manifest that is none is our fault, and recording goes on", async () => {
  for (const manifest of ["", "<html>", "{}", '{"version":1,"pages":7}', "x".repeat(300_000)]) {
    const session = makeSession();
    await bucket.put(`manifests/${placeOf(project.id, session.id)}.json`, manifest);
    const { status, body } = await view(stack, project, session.id);
    // Nothing at all is as if there were none.
    expect({ status, error: body.error }, manifest.slice(0, 20)).toEqual(
      manifest === "" ? { status: 404, error: "not_found" } : { status: 503, error: "unavailable" },
    );
    const sent = await upload(stack, project, makeBody(session, makeEvents(session)));
    expect(sent.body).toEqual({ outcome: "stored" });
  }
});

test("a listing that is none is our fault", async () => {
  for (const body of [
    "",
    "<html>",
    "<ListBucketResult>",
    "<Error><Code>NoSuchKey</Code></Error>",
  ]) {
    const { project } = await storeThat((response) =>
      response.writeHead(200, { etag: "1" }).end(body),
    );
    expect((await view(stack, project, makeSession().id)).status, body).toBe(503);
  }
});

/** The largest upload there is: as large as each of the others that want room. */
function largeBody(): Uint8Array<ArrayBuffer> {
  const session = makeSession();
  const event = { type: 3, timestamp: session.start_ms, data: "x".repeat(2_000_000) };
  return makeBody(session, JSON.stringify(event));
}

/** A client that sends a body and then only holds the line; without the body's last byte, if so wished. */
function holdLine(project: Project, body: Uint8Array, kept_back: 0 | 1): Socket {
  const { hostname, port } = new URL(stack.up.edge);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(
    `POST /v1/batches?key=${project.key} HTTP/1.1\r\nHost: ${hostname}\r\nOrigin: ${ORIGIN}\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  socket.write(body.subarray(0, body.length - kept_back));
  open.push(() => socket.destroy());
  return socket;
}

/** Has clients hold lines until there is no room, has them hang up, and waits until there is room again. */
async function fillAndHangUp(hold: () => Socket, between: () => void = () => {}): Promise<void> {
  const lines: Socket[] = [];
  const refused = await until("too much in flight", async () => {
    lines.push(hold());
    const answer = await upload(stack, project, largeBody());
    return answer.status === 503 ? answer : undefined;
  });
  expect(refused.body).toMatchObject({ error: "unavailable", retry_after_s: 2 });
  expect(lines.length).toBeGreaterThan(4);
  const closed = lines.map((line) => new Promise((resolve) => line.once("close", resolve)));
  for (const line of lines) line.destroy();
  await Promise.all(closed);
  between();
  await until("room again", async () => {
    const answer = await upload(stack, project, largeBody());
    return answer.status === 200 ? true : undefined;
  });
}

test("what is in flight is bounded, and given back when clients hang up", async () => {
  await fillAndHangUp(() => holdLine(project, largeBody(), 1));
});

test("so it is when they hang up while the store takes its time", async () => {
  const waiting: ServerResponse[] = [];
  const slow = await storeThat((response) => waiting.push(response));
  await fillAndHangUp(
    () => holdLine(slow.project, largeBody(), 0),
    () => {
      for (const response of waiting) answer(200)(response);
    },
  );
});
