import { readFile } from "node:fs/promises";
import { beforeAll, expect, inject, test } from "vitest";
import { Bucket } from "../harness/bucket.ts";
import { makeProject, type Project, sha256 } from "../harness/project.ts";
import { until } from "../harness/until.ts";
import {
  chunkName,
  chunksPrefix,
  gzip,
  makeBody,
  makeEvents,
  makeSession,
  placeOf,
  type Session,
} from "../harness/upload.ts";
import { ask, upload, view } from "./client.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
let project: Project;
let session: Session;
let batches: Map<string, Buffer>;

beforeAll(async () => {
  project = await makeProject(bucket);
  session = makeSession();
  batches = new Map();
  for (let seq = 0; seq < 3; seq++) {
    const events = makeEvents(session, 10);
    const batch = gzip(events);
    const { body } = await upload(stack, project, makeBody(session, batch, { seq }));
    expect(body).toEqual({ outcome: "stored" });
    batches.set(chunkName(session, events, seq), batch);
  }
});

const open = (path = session.id) => view(stack, project, path);
const sign = (chunks: unknown) =>
  view(stack, project, `${session.id}/urls`, {
    method: "POST",
    headers: { authorization: `Bearer ${project.token}`, "content-type": "application/json" },
    body: typeof chunks === "string" ? chunks : JSON.stringify({ chunks }),
  });

test("a session can be watched as soon as it is stored, before and after it is indexed", async () => {
  const before_ms = Date.now();
  const { status, headers, body } = await open();
  expect(status).toBe(200);
  expect(headers.get("cache-control")).toBe("no-store");
  expect(body).toMatchObject({ project: project.id, session: session.id });
  expect(body.now_ms).toBeGreaterThanOrEqual(before_ms - 1_000);
  // A signature ends with a full second.
  expect(body.urls_expire_ms).toBe(Math.floor(body.now_ms / 1_000) * 1_000 + 15 * 60_000);
  expect(Object.keys(body.urls).sort()).toEqual([...batches.keys()].sort());

  const indexed = await until("the manifest with all chunks", async () => {
    const { body } = await open();
    return body.newer.length === 0 && body.manifest?.counts.chunks === 3 ? body : undefined;
  });
  expect(indexed.manifest).toMatchObject({ version: 1, project: project.id, session: session.id });
  expect(Object.keys(indexed.urls).sort()).toEqual([...batches.keys()].sort());
});

test("the manifest's bytes are passed on untouched", async () => {
  const key = `${chunksPrefix(project.id, session.id).replace("chunks/", "manifests/").slice(0, -1)}.json`;
  const manifest = await until("the manifest", async () => (await bucket.get(key)).body.toString());
  const response = await fetch(
    `${stack.up.edge}/v1/projects/${project.id}/sessions/${session.id}`,
    {
      headers: { authorization: `Bearer ${project.token}` },
    },
  );
  expect(await response.text()).toContain(`"manifest":${manifest.trimEnd()},`);
});

test("chunks that no indexer has seen are listed with their sizes", async () => {
  // Written by the bucket's owner in a session of their own, so that no event is about them.
  const other = makeSession();
  const names = [2, 0, 1].map((seq) => chunkName(other, `events ${seq}`, seq));
  const prefix = chunksPrefix(project.id, other.id);
  for (const name of names) {
    await bucket.put(`${prefix}${name}.ndjson.gz`, "0123456789");
  }
  await bucket.put(`${prefix}notes.txt`, "not a chunk");
  const { body } = await open(other.id);
  expect(body.manifest).toBeNull();
  expect(body.newer).toEqual(
    [...names].sort().map((name) => {
      const [page, seq, hash] = name.split("-");
      return { page, seq: Number(seq), hash, bytes: 10 };
    }),
  );
});

test("a URL reads its chunk, byte for byte, and nothing else", async () => {
  const { body } = await open();
  const read = async (url: string | URL, init?: RequestInit) => (await fetch(url, init)).status;
  for (const [name, url] of Object.entries<string>(body.urls)) {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/gzip");
    expect(response.headers.get("content-encoding")).toBeNull();
    expect(Buffer.from(await response.arrayBuffer()).equals(batches.get(name) as Buffer)).toBe(
      true,
    );
  }
  const changed = (change: (url: URL) => void) => {
    const url = new URL(Object.values<string>(body.urls)[0] as string);
    change(url);
    return url;
  };
  const { searchParams } = changed(() => {});
  expect(searchParams.get("X-Amz-Expires")).toBe("900");
  expect(searchParams.get("X-Amz-SignedHeaders")).toBe("host");
  const set = (name: string, value: string) => changed((url) => url.searchParams.set(name, value));
  expect(await read(set("X-Amz-Expires", "604800"))).toBe(403);
  expect(await read(set("X-Amz-Signature", "0".repeat(64)))).toBe(403);
  expect(await read(set("X-Amz-Date", "20200101T000000Z"))).toBe(403);
  expect(await read(changed((url) => (url.search = "")))).toBe(403);
  const elsewhere = `config/projects/${project.id}.json`;
  expect(
    await read(changed((url) => (url.pathname = `/${stack.up.bucket.name}/${elsewhere}`))),
  ).toBe(403);
  expect(
    await read(
      changed(() => {}),
      { method: "PUT", body: "x" },
    ),
  ).toBe(403);
  expect(
    await read(
      changed(() => {}),
      { method: "DELETE" },
    ),
  ).toBe(403);
});

test("of a session whose chunks are gone its largest tape is found, in any class that is kept", async () => {
  const file = await readFile(new URL("../fixtures/tapes/two-pages.tape", import.meta.url));
  const other = makeSession();
  const put = (where: string, set: string, bytes: Uint8Array) =>
    bucket.put(`archive/${where}/${placeOf(project.id, other.id)}-${set}.tape`, bytes);
  await put("30d", "00000000", file.subarray(0, 60));
  await put("pinned", "1a2b3c4d", file);
  const { status, body } = await open(other.id);
  expect(status).toBe(200);
  expect(body).toMatchObject({ manifest: null, newer: [], urls: {} });
  const key = `archive/pinned/${placeOf(project.id, other.id)}-1a2b3c4d.tape`;
  expect(body.tape).toMatchObject({ key, bytes: file.length });
  // The header is what its length says: one range gets it.
  const range = { headers: { range: `bytes=0-${body.tape.header_bytes - 1}` } };
  const header = await fetch(body.tape.url, range);
  expect(header.status).toBe(206);
  expect(header.headers.get("content-range")).toBe(
    `bytes 0-${body.tape.header_bytes - 1}/${file.length}`,
  );
  const expected = 48 + file.readUInt32LE(12);
  expect(body.tape.header_bytes).toBe(expected);
  // What does not begin as a tape does is our fault, and says so.
  await put("90d", "ffffffff", new Uint8Array(file.length + 1));
  expect((await open(other.id)).status).toBe(503);
});

test("a manifest names the tape", async () => {
  const other = makeSession();
  const tape = { chunks: 1, class: "90d", set: "1a2b3c4d", bytes: 3460, header_bytes: 1174 };
  const manifest = {
    ...{ version: 1, project: project.id, session: other.id, pages: [] },
    ...{ started_ms: other.start_ms, ended_ms: other.start_ms + 1, tape },
  };
  const place = placeOf(project.id, other.id);
  await bucket.put(`manifests/${place}.json`, JSON.stringify(manifest));
  const { status, body } = await open(other.id);
  expect(status).toBe(200);
  expect(body.tape).toMatchObject({
    key: `archive/90d/${place}-1a2b3c4d.tape`,
    bytes: 3460,
    header_bytes: 1174,
  });
});

test("moments", async () => {
  await until("the manifest", async () => ((await open()).body.manifest ? true : undefined));
  for (const at of ["end", String(session.start_ms), "0", "-1", "9999999999999"]) {
    expect((await open(`${session.id}?at=${at}`)).status, at).toBe(200);
  }
  for (const at of ["", "now", "1e3", "1.5"]) {
    const { status, body } = await open(`${session.id}?at=${at}`);
    expect([status, body.error], at).toEqual([400, "request"]);
  }
});

test("named chunks are signed, whether or not they are there", async () => {
  const [name] = [...batches.keys()];
  const absent = `${session.page}-99999-00000000`;
  const { status, headers, body } = await sign([name, absent]);
  expect(status).toBe(200);
  expect(headers.get("cache-control")).toBe("no-store");
  expect(Object.keys(body.urls).sort()).toEqual([name, absent].sort());
  expect((await fetch(body.urls[name as string])).status).toBe(200);
  expect((await fetch(body.urls[absent])).status).toBe(404);
  expect((await sign([])).body.urls).toEqual({});
});

test("what is no request for URLs is refused", async () => {
  const names = (n: number) =>
    Array.from({ length: n }, (_, i) => `${session.page}-${String(i).padStart(5, "0")}-00000000`);
  expect((await sign(names(256))).status).toBe(200);
  const garbage = [
    names(257),
    ["x"],
    ["../../config/projects/demo-00000-00000000"],
    [`${session.page}-00000-00000000.ndjson.gz`],
    [`${session.page}-0-00000000`],
    [17],
    "",
    "{}",
    "[]",
    "not json",
    " ".repeat(70_000),
  ];
  for (const chunks of garbage) {
    const { status, body } = await sign(chunks);
    expect([status, body.error], String(chunks).slice(0, 80)).toEqual([400, "request"]);
  }
});

test("a session that nobody stored is not found", async () => {
  const { status, body } = await open(makeSession().id);
  expect([status, body.error]).toEqual([404, "not_found"]);
  // Nor is one of another project.
  const other = await makeProject(bucket);
  expect((await view(stack, other, session.id)).status).toBe(404);
});

test("what is no session is refused", async () => {
  for (const id of ["x", session.id.toUpperCase(), `${session.id}0`, "%00"]) {
    expect((await open(id)).status, id).toBe(400);
  }
});

test("a stranger learns nothing", async () => {
  const expired = await makeProject(bucket, {
    viewers: [{ name: "gone", sha256: sha256("vt_gone"), role: "viewer", expires_ms: 1 }],
  });
  const nobody = await makeProject(bucket, { viewers: [] });
  const other = await makeProject(bucket);
  const attempts: [string, string | undefined][] = [
    [project.id, undefined],
    [project.id, "Bearer wrong"],
    [project.id, "Bearer"],
    [project.id, `Basic ${project.token}`],
    [project.id, `Bearer ${sha256(project.token)}`],
    [project.id, `Bearer ${other.token}`],
    [expired.id, "Bearer vt_gone"],
    [nobody.id, "Bearer "],
    ["no-such-project", `Bearer ${project.token}`],
    ["NO PROJECT", `Bearer ${project.token}`],
    ["%2e%2e", `Bearer ${project.token}`],
  ];
  const answers = new Set<string>();
  for (const [id, authorization] of attempts) {
    for (const [path, method] of [
      [session.id, "GET"],
      ["x", "GET"],
      [`${session.id}/urls`, "POST"],
    ]) {
      const { status, headers, body } = await ask(
        stack,
        `/v1/projects/${encodeURI(id)}/sessions/${path}`,
        { method: method as string, headers: authorization ? { authorization } : {} },
      );
      const told = Object.fromEntries([...headers].filter(([name]) => name !== "date"));
      answers.add(JSON.stringify({ status, told, body }));
    }
  }
  expect([...answers]).toEqual([expect.stringContaining('"status":401')]);
});

test("a project's own store is where its sessions are read", async () => {
  // The same bucket by another name of this machine: what is signed must be for that name.
  const { endpoint, name, region } = stack.up.bucket;
  const store = { endpoint: endpoint.replace("127.0.0.1", "localhost"), bucket: name, region };
  const apart = await makeProject(bucket, { store });
  const theirs = makeSession();
  const events = makeEvents(theirs);
  const answer = await upload(stack, apart, makeBody(theirs, gzip(events)));
  expect(answer.body).toEqual({ outcome: "stored" });
  const { body } = await view(stack, apart, theirs.id);
  const [url] = Object.values<string>(body.urls);
  expect(new URL(url as string).origin).toBe(store.endpoint);
  expect((await fetch(url as string)).status).toBe(200);
});
