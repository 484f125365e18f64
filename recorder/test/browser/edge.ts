import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

export interface Event {
  type: number;
  timestamp: number;
  // biome-ignore lint/suspicious/noExplicitAny: events are of many shapes, and tests look into all of them.
  data: any;
}

export interface Upload {
  header: {
    upload: string;
    page: string;
    seq: number;
    reason: string;
    sent: number;
    sdk: string;
    support?: string;
    consent?: boolean;
    segments?: string[];
  };
  /** Computed from the upload key, as the real edge does. */
  session: string;
  events: Event[];
  /** The batch as inflated. */
  ndjson: string;
  /** The whole body as received. */
  body: Buffer;
  /** What was answered. */
  status: number;
  receivedMs: number;
}

export interface Reply {
  status: number;
  body: unknown;
}

export const STORED: Reply = { status: 200, body: { outcome: "stored" } };
export const KEY = "pk_0123456789ABCDEFGHIJKL";

/**
 * A server that takes uploads as `spec/upload.md` says, checks their form, and answers what a test wants answered, so that
 * every row of the table can be had at will.
 */
export class Edge {
  uploads: Upload[] = [];
  /** What broke a rule of the upload's form; must be empty in the end. */
  broken: string[] = [];
  /** Reasons that uploads may give. */
  reasons = new Set(["all"]);
  answer: (upload: Upload) => Reply = () => STORED;
  config: () => Reply = () => projectConfig();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Edge> {
    const server = createServer();
    const edge = new Edge(server);
    server.on("request", (request, response) => edge.handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return edge;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  reset(): void {
    this.uploads = [];
    this.broken = [];
    this.reasons = new Set(["all"]);
    this.answer = () => STORED;
    this.config = () => projectConfig();
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Events of all batches that were stored, one page after the other, by seq. */
  get stored(): Event[] {
    const order = [...new Set(this.uploads.map(({ header }) => header.page))];
    const bySeq = this.uploads.filter(({ status }) => status === 200);
    bySeq.sort(
      (a, b) =>
        order.indexOf(a.header.page) - order.indexOf(b.header.page) || a.header.seq - b.header.seq,
    );
    return bySeq.flatMap(({ events }) => events);
  }

  /** Payloads of our events with this tag. */
  payloads(tag: string) {
    return this.stored
      .filter(({ type, data }) => type === 5 && data.tag === tag)
      .map(({ data }) => data.payload);
  }

  /** Waits until `condition` gives something, and returns that. */
  async until<T>(what: string, condition: () => T | undefined | false): Promise<T> {
    const deadline = Date.now() + 15_000;
    while (Date.now() < deadline) {
      const result = condition();
      if (result !== undefined && result !== false) return result;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`waited 15 s for ${what}; got ${this.uploads.length} uploads`);
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const reply = this.reply(request, Buffer.concat(parts));
      response.writeHead(reply.status, {
        "Access-Control-Allow-Origin": "*",
        "Content-Type": "application/json",
      });
      response.end(JSON.stringify(reply.body));
    });
  }

  private reply(request: IncomingMessage, body: Buffer): Reply {
    this.check(request.method !== "OPTIONS", `a preflight for ${request.url}`);
    this.check(request.headers.cookie === undefined, "a cookie");
    this.check(request.headers.referer === undefined, `the referrer ${request.headers.referer}`);
    if (request.url === `/v1/config?key=${KEY}`) return this.config();
    this.check(request.url === `/v1/batches?key=${KEY}`, `a request to ${request.url}`);
    this.check(
      request.headers["content-type"] === "text/plain",
      `content type ${request.headers["content-type"]}`,
    );
    const upload = parse(body);
    const reply = this.answer(upload);
    upload.status = reply.status;
    this.uploads.push(upload);
    this.checkUpload(upload);
    return reply;
  }

  private checkUpload(upload: Upload): void {
    const { header, events, ndjson } = upload;
    const { upload: key, page, seq, reason, sent } = header;
    this.check(/^[A-Za-z0-9_-]{21}[AQgw]$/.test(key), `upload key ${key}`);
    this.check(/^[0-9A-Za-z]{8}$/.test(page), `page ${page}`);
    this.check(Number.isInteger(seq) && seq >= 0, `seq ${seq}`);
    this.check(this.reasons.has(reason), `reason ${reason}`);
    this.check(
      Number.isInteger(sent) && Math.abs(sent - Date.now()) < 3_600_000 * 2,
      `sent ${sent}`,
    );
    this.check(events.length > 0, "an empty batch");
    this.check(
      ndjson.endsWith("\n") && !ndjson.includes("\n\n"),
      "lines that do not end in one newline each",
    );
    events.forEach(({ type, timestamp }, i) => {
      this.check(
        Number.isInteger(type) && Number.isFinite(timestamp),
        `event ${i} without type and timestamp`,
      );
      this.check(
        type !== 4 || events[i + 1]?.type === 2,
        "a meta event without its full snapshot behind it",
      );
      this.check(
        type !== 2 || events[i - 1]?.type === 4,
        "a full snapshot without its meta event before it",
      );
    });
    for (const other of this.uploads) {
      if (other !== upload && other.header.page === page && other.header.seq === seq) {
        this.check(other.body.equals(upload.body), `seq ${seq} came twice with different bytes`);
      }
    }
  }

  private check(holds: boolean, otherwise: string): void {
    if (!holds) this.broken.push(otherwise);
  }
}

/** What `GET /v1/config` answers, with short waits unless told otherwise. */
export function projectConfig(
  given: {
    all?: number;
    flushMs?: number;
    flushMaxMs?: number;
    sessionMsMax?: number;
    segments?: object;
  } = {},
): Reply {
  const { all = 1, flushMs = 100, sessionMsMax = 3_600_000, segments = {} } = given;
  const { flushMaxMs = flushMs } = given;
  return {
    status: 200,
    body: {
      version: 1,
      project: "demo",
      sampling: [{ from_ms: 0, all, segment: 0, segments }],
      limits: { session_ms_max: sessionMsMax, events_max: 10_000 },
      recorder: { flush_first_ms: flushMs, flush_max_ms: flushMaxMs },
    },
  };
}

function parse(body: Buffer): Upload {
  const end = body.indexOf(10);
  const header = JSON.parse(body.subarray(0, end).toString());
  const key = Buffer.from(header.upload, "base64url");
  const hash = createHash("sha256").update(key).digest().subarray(0, 12);
  const ndjson = gunzipSync(body.subarray(end + 1)).toString();
  return {
    header,
    session: Buffer.concat([key.subarray(0, 4), hash]).toString("hex"),
    events: ndjson
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
    ndjson,
    body,
    status: 0,
    receivedMs: Date.now(),
  };
}
