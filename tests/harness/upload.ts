import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";

/** One visitor's recording, as its recorder knows it. */
export interface Session {
  /** The upload key: a secret. */
  upload: string;
  id: string;
  start_ms: number;
  page: string;
}

/** A session that started `age_ms` ago, with one page load (spec/ids.md). */
export function makeSession(age_ms = 10_000): Session {
  const start_s = Math.floor((Date.now() - age_ms) / 1000);
  const key = randomBytes(16);
  key.writeUInt32BE(start_s);
  const digest = createHash("sha256").update(key).digest();
  return {
    upload: key.toString("base64url"),
    id: Buffer.concat([key.subarray(0, 4), digest.subarray(0, 12)]).toString("hex"),
    start_ms: start_s * 1000,
    page: randomBytes(4).toString("hex"),
  };
}

/** A batch of `count` events, the first two a checkpoint; each has some bytes of its own. */
export function makeEvents(session: Session, count = 3): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const timestamp = session.start_ms + i;
    if (i === 0) {
      return { type: 4, timestamp, data: { href: "http://localhost/", width: 800, height: 600 } };
    }
    if (i === 1) {
      return { type: 2, timestamp, data: { node: { id: 1, type: 0, childNodes: [] } } };
    }
    return { type: 3, timestamp, data: { source: 1, noise: randomBytes(12).toString("hex") } };
  });
  return `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`;
}

/** What a header line has beside the session (spec/upload.md). */
export interface HeaderChanges {
  seq?: number;
  [field: string]: unknown;
}

/** An upload's body: header line, then the batch as it is. */
export function makeBody(
  session: Session,
  batch: string | Uint8Array,
  changes: HeaderChanges = {},
): Uint8Array<ArrayBuffer> {
  const header = {
    upload: session.upload,
    page: session.page,
    seq: 0,
    reason: "all",
    sent: session.start_ms + 5_000,
    sdk: "tapedeck-tests/1",
    ...changes,
  };
  return new Uint8Array(
    Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), Buffer.from(batch)]),
  );
}

/** The name of the chunk that a batch becomes (spec/objects.md). */
export function chunkName(session: Session, events: string | Uint8Array, seq = 0): string {
  const hash = createHash("sha256").update(events).digest("hex").slice(0, 8);
  return `${session.page}-${seq.toString().padStart(5, "0")}-${hash}`;
}

/** `{project}/{shard}/{session}`, as the keys of all that belongs to a session have it (spec/objects.md). */
export function placeOf(project: string, session: string): string {
  const shard = createHash("sha256").update(`${project}/${session}`).digest("hex").slice(0, 2);
  return `${project}/${shard}/${session}`;
}

/** The prefix of a session's chunks. */
export function chunksPrefix(project: string, session: string): string {
  return `chunks/${placeOf(project, session)}/`;
}

/** Events as one gzip member. */
export function gzip(events: string | Uint8Array, level = 6): Buffer {
  return gzipSync(events, { level });
}
