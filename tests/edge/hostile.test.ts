import { connect } from "node:net";
import { beforeAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeProject, type Project } from "../harness/project.ts";
import { chunksPrefix, gzip, makeBody, makeEvents, makeSession } from "../harness/upload.ts";
import { ask, ORIGIN, upload } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
let project: Project;

beforeAll(async () => {
  project = await makeProject(bucket);
});

/** Sends bytes as they are, ends the sending, and gives all that comes back until the connection ends. */
function sendRaw(...pieces: (string | Uint8Array)[]): Promise<string> {
  const { hostname, port } = new URL(stack.up.edge);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let text = "";
    const done = () => resolve(text);
    socket.on("data", (data) => {
      text += data.toString("latin1");
    });
    socket.on("close", done).on("error", done);
    for (const piece of pieces) socket.write(piece);
    socket.end();
  });
}

test.for<[string, (body: Uint8Array, path: string) => (string | Uint8Array)[]]>([
  [
    "states more than it sends",
    (body, path) => [
      `POST ${path} HTTP/1.1\r\nHost: e\r\nOrigin: ${ORIGIN}\r\nContent-Length: ${body.length + 9}\r\n\r\n`,
      body,
    ],
  ],
  [
    "ends in the middle of a chunk",
    (body, path) => [
      `POST ${path} HTTP/1.1\r\nHost: e\r\nOrigin: ${ORIGIN}\r\nTransfer-Encoding: chunked\r\n\r\n${(body.length + 9).toString(16)}\r\n`,
      body,
    ],
  ],
  [
    "writes a chunk's length that is none",
    (body, path) => [
      `POST ${path} HTTP/1.1\r\nHost: e\r\nOrigin: ${ORIGIN}\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n`,
      body,
      "\r\n0\r\n\r\n",
    ],
  ],
  [
    "never ends its chunks",
    (body, path) => [
      `POST ${path} HTTP/1.1\r\nHost: e\r\nOrigin: ${ORIGIN}\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`,
      body,
      "\r\n",
    ],
  ],
  [
    "states a length that is no number",
    (body, path) => [
      `POST ${path} HTTP/1.1\r\nHost: e\r\nOrigin: ${ORIGIN}\r\nContent-Length: -1\r\n\r\n`,
      body,
    ],
  ],
  [
    "hides a request in another's body",
    (body, path) => {
      const hidden = Buffer.concat([
        Buffer.from(
          `POST ${path} HTTP/1.1\r\nHost: e\r\nOrigin: ${ORIGIN}\r\nContent-Length: ${body.length}\r\n\r\n`,
        ),
        body,
      ]);
      return [
        `POST /v1/batches?key=none HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${hidden.length.toString(16)}\r\n`,
        hidden,
        "\r\n0\r\n\r\n",
      ];
    },
  ],
  [
    "has a megabyte of headers",
    (body, path) => [
      `POST ${path} HTTP/1.1\r\nHost: e\r\nOrigin: ${ORIGIN}\r\nX-Long: ${"x".repeat(1 << 20)}\r\nContent-Length: ${body.length}\r\n\r\n`,
      body,
    ],
  ],
  [
    "breaks lines as it likes",
    (body, path) => [
      `POST ${path} HTTP/1.1\r\nHost: e\r\nOrigin: ${ORIGIN}\r\n folded\r\nContent-Length : ${body.length}\r\n\r\n`,
      body,
    ],
  ],
  ["speaks no HTTP", (body) => [body]],
])("a client that %s stores nothing, and the next one is served", async ([, pieces]) => {
  const session = makeSession();
  const body = makeBody(session, gzip(makeEvents(session)));
  const answer = await sendRaw(...pieces(body, `/v1/batches?key=${project.key}`));
  expect(answer).not.toContain('"stored"');
  expect(await bucket.keys(chunksPrefix(project.id, session.id))).toEqual([]);
  expect((await upload(stack, project, body)).body).toEqual({ outcome: "stored" });
});

test("a host, a method and a path may be anything", async () => {
  for (const request of [
    "GET / HTTP/1.1\r\nHost: b\u00fccher.example\r\n",
    "GET / HTTP/1.1\r\nHost: \r\n",
    "GET //e:99999/v1/config HTTP/1.1\r\nHost: e\r\n",
    "GET http://elsewhere.example/v1/config HTTP/1.1\r\nHost: e\r\n",
    "GET /%00%ff/../../v1/config?key=%ff HTTP/1.1\r\nHost: e\r\n",
    "BREW /v1/batches HTTP/1.1\r\nHost: e\r\n",
  ]) {
    const answer = await sendRaw(`${request}Connection: close\r\n\r\n`);
    expect(answer, request).toMatch(/^(HTTP\/1\.1 (4\d\d|501) |$)/);
  }
  expect((await ask(stack, "/health")).status).toBe(200);
});
