import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeProject, type Project } from "../harness/project.ts";
import { gzip, makeBody, makeEvents, makeSession } from "../harness/upload.ts";
import { ORIGIN } from "./client.ts";

const stack = inject("stack");
let project: Project;
const open: Socket[] = [];

beforeAll(async () => {
  project = await makeProject(new Bucket(stack.up));
});

afterAll(() => {
  for (const socket of open) socket.destroy();
});

/** Sends an upload piece by piece, and gives the answer and how long it took. */
async function sendSlowly(pieces: (body: Uint8Array) => AsyncIterable<Uint8Array>) {
  const session = makeSession();
  const body = makeBody(session, gzip(makeEvents(session, 200)));
  const { hostname, port } = new URL(stack.up.edge);
  const socket = connect(Number(port), hostname);
  open.push(socket);
  const begun_ms = Date.now();
  let text = "";
  const answered = new Promise<void>((resolve) => {
    socket.on("data", (data) => {
      text += data.toString();
      if (text.includes("}")) resolve();
    });
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
  });
  socket.write(
    `POST /v1/batches?key=${project.key} HTTP/1.1\r\nHost: ${hostname}\r\nOrigin: ${ORIGIN}\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  const sending = (async () => {
    for await (const piece of pieces(body)) {
      if (socket.destroyed || text !== "") return;
      socket.write(piece);
    }
  })();
  await answered;
  await sending;
  return { text, taken_ms: Date.now() - begun_ms };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a body that comes too slowly holds no room", { timeout: 60_000 }, async () => {
  const [silent, dripping, slow] = await Promise.all([
    sendSlowly(async function* (body) {
      yield body.subarray(0, 300);
    }),
    sendSlowly(async function* (body) {
      for (const byte of body) {
        yield new Uint8Array([byte]);
        await pause(250);
      }
    }),
    // As a telephone in a tunnel: some seconds of nothing, and then the rest.
    sendSlowly(async function* (body) {
      yield body.subarray(0, 300);
      await pause(6_000);
      yield body.subarray(300);
    }),
  ]);
  for (const { text } of [silent, dripping]) {
    expect(text).toMatch(/^HTTP\/1\.1 503 /);
    expect(text).toContain("the body came too slowly");
    expect(text.toLowerCase()).toContain("retry-after: 10");
  }
  expect(silent.taken_ms).toBeGreaterThan(9_000);
  expect(silent.taken_ms).toBeLessThan(25_000);
  expect(dripping.taken_ms).toBeGreaterThan(18_000);
  expect(dripping.taken_ms).toBeLessThan(40_000);
  expect(slow.text).toContain('{"outcome":"stored"}');
});
