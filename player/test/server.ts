/** The player's host, an edge that answers the viewer's calls of spec/viewer-api.md, and a bucket: three origins, over real HTTP. */

import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { fillHeaders, type Places, readTemplate, tapedeckJson } from "../headers.ts";
import { chunkName, type Manifest } from "../src/session/manifest.ts";
import type { Recording, StoredChunk } from "./recording.ts";
import type { StoredTable } from "./tables.ts";

export const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
export const TOKEN = "a-token-for-tests";
/** What the edge gives out for every session. */
export const GRANT = "a-grant-for-tests";

export interface Stack {
  player: string;
  edge: string;
  store: string;
  /** Chunks that were asked of the store, in order, also in vain. */
  fetched: string[];
  /** Files of the player that were asked for, in order. */
  served: string[];
  /** Calls that the edge answered, as `method path`. */
  calls: string[];
  /** Faults and delays, free to be changed at any time. */
  behaviour: Behaviour;
  /** Makes a session watchable. What is in `newer` is left out of the manifest. */
  add(recording: Recording, options?: { newer?: StoredChunk[]; manifest?: Manifest | null }): void;
  /** Makes files of a project's tables readable. */
  addTables(tables: readonly StoredTable[]): void;
  /** Gives a session a tape, beside its manifest or in its place. */
  addTape(recording: Recording, tape: Uint8Array, options?: { manifest: Manifest | null }): void;
  /** Puts a file at the store, as any host would: answers its URL. */
  addFile(name: string, body: Uint8Array): string;
  link(recording: Recording, query?: string): string;
  close(): Promise<void>;
}

export interface Behaviour {
  /** How long the store waits before it answers. */
  storeDelayMs: number;
  /** How long a signed URL lives. */
  urlLifeMs: number;
  /** Names that the store has lost. */
  lost: Set<string>;
  /** Requests that the store still answers with 503. */
  storeFailures: number;
  tokenWorks: boolean;
  /** Of ranges that the store gave out. */
  bytes: number;
}

interface Kept {
  manifest: Manifest | null;
  newer: StoredChunk[];
  tape?: { key: string; bytes: number; header_bytes: number };
}

/** `embedders`: origins of pages that may embed the player. */
export async function startStack(embedders: readonly string[] = []): Promise<Stack> {
  const sessions = new Map<string, Kept>();
  const chunks = new Map<string, { body: Uint8Array }>();
  const tables: StoredTable[] = [];
  const fetched: string[] = [];
  const calls: string[] = [];
  const served: string[] = [];
  const behaviour: Behaviour = {
    storeDelayMs: 0,
    urlLifeMs: 900_000,
    lost: new Set(),
    storeFailures: 0,
    tokenWorks: true,
    bytes: 0,
  };

  const store = await listen(async (request, response) => {
    response.setHeader("Access-Control-Allow-Origin", "*");
    const url = new URL(request.url ?? "", "http://store");
    const name = url.pathname.slice(1);
    fetched.push(name);
    if (behaviour.storeDelayMs > 0)
      await new Promise((resolve) => setTimeout(resolve, behaviour.storeDelayMs));
    if (behaviour.storeFailures > 0) {
      behaviour.storeFailures--;
      return end(response, 503, "slow down");
    }
    if (url.searchParams.has("expires") && Number(url.searchParams.get("expires")) < Date.now())
      return end(response, 403, "expired");
    const chunk = chunks.get(name);
    if (chunk === undefined || behaviour.lost.has(name)) return end(response, 404, "no such key");
    response.setHeader("Content-Type", "application/octet-stream");
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    if (range === null) return void response.end(chunk.body);
    const part = chunk.body.subarray(Number(range[1]), Number(range[2]) + 1);
    behaviour.bytes += part.length;
    response.statusCode = 206;
    response.end(part);
  });

  const signed = (names: readonly string[]) => {
    const expires = Date.now() + behaviour.urlLifeMs;
    return {
      urls: Object.fromEntries(
        names.map((name) => [name, `${store.origin}/${name}?expires=${expires}`]),
      ),
      urls_expire_ms: expires,
      now_ms: Date.now(),
    };
  };

  const edge = await listen(async (request, response) => {
    response.setHeader("Access-Control-Allow-Origin", "*").setHeader("Cache-Control", "no-store");
    if (request.method === "OPTIONS") {
      response
        .setHeader("Access-Control-Allow-Methods", "GET, POST, DELETE")
        .setHeader("Access-Control-Allow-Headers", "authorization, content-type")
        .setHeader("Access-Control-Max-Age", "86400");
      return end(response, 204, "");
    }
    const url = new URL(request.url ?? "", "http://edge");
    calls.push(`${request.method} ${url.pathname}${url.search}`);
    const shown = request.headers.authorization;
    const isGrant = shown === `Grant ${GRANT}` && url.pathname.includes("/sessions/");
    if ((shown !== `Bearer ${TOKEN}` && !isGrant) || !behaviour.tokenWorks) {
      return json(response, 401, {
        error: "unauthorized",
        detail: "token is unknown or has expired",
      });
    }
    const [, , , project, , id, action] = url.pathname.split("/");
    if (url.pathname.endsWith("/index")) {
      const asked = (name: string) => url.searchParams.get(name) ?? "";
      const files = tables.filter(
        ({ key, table, day }) =>
          key.startsWith(`index/${project}/`) &&
          asked("tables").split(",").includes(table) &&
          day >= asked("from") &&
          day <= asked("to"),
      );
      const { urls, ...expiry } = signed(files.map(({ key }) => key));
      return json(response, 200, {
        files: files.map(({ body, ...file }) => ({
          ...file,
          bytes: body.length,
          url: urls[file.key],
        })),
        ...expiry,
      });
    }
    if (url.pathname.includes("/erasures")) {
      return json(response, 200, { id, action: "pin", state: "done" });
    }
    const kept = sessions.get(`${project}/${id}`);
    if (kept === undefined)
      return json(response, 404, { error: "not_found", detail: "no chunk of this session" });
    if (action === "urls") {
      const body = JSON.parse(await bodyOf(request)) as { chunks: string[] };
      return json(response, 200, signed(body.chunks));
    }
    if (action === "shares") {
      const { expires_ms } = JSON.parse(await bodyOf(request)) as { expires_ms: number };
      return json(response, 200, { grant: GRANT, expires_ms });
    }
    if (action === "pin" || request.method === "DELETE") {
      const state_url = `/v1/projects/${project}/erasures/1700000000000-00112233445566ff`;
      return json(response, 202, { request: "1700000000000-00112233445566ff", state_url });
    }
    const { manifest, newer, tape } = kept;
    const at = url.searchParams.get("at");
    const atMs =
      at === null
        ? (manifest?.started_ms ?? 0)
        : at === "end"
          ? (manifest?.ended_ms ?? 0)
          : Number(at);
    const near = (manifest?.pages ?? []).flatMap((page) => namesAround(page, atMs)).slice(0, 64);
    return json(response, 200, {
      project,
      session: id,
      manifest,
      ...(tape === undefined ? {} : { tape: { ...tape, url: signed([tape.key]).urls[tape.key] } }),
      newer: newer.map(({ page, seq, hash, body }) => ({ page, seq, hash, bytes: body.length })),
      ...signed([...newer.map((chunk) => chunk.name), ...near]),
    });
  });

  const places: Places = {
    edge: edge.origin,
    stores: [store.origin],
    sources: [],
    assets: [],
    embedders,
  };
  const headers = fillHeaders(readTemplate(), places);
  const player = await listen(async (request, response) => {
    const path = normalize(new URL(request.url ?? "", "http://player").pathname);
    for (const [name, value] of Object.entries(headers[path] ?? headers["/*"] ?? {}))
      response.setHeader(name, value);
    if (path === "/tapedeck.json") {
      const trace = "https://traces.example/trace/{trace}";
      return json(response, 200, { ...tapedeckJson(places), trace });
    }
    const name = path === "/" ? "index.html" : path;
    served.push(name);
    const file = join(DIST, name);
    const body = await readFile(file).catch(() => null);
    if (body === null) return end(response, 404, "not found");
    response
      .setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream")
      .end(body);
  });

  return {
    player: player.origin,
    edge: edge.origin,
    store: store.origin,
    fetched,
    served,
    calls,
    behaviour,
    add(recording, { newer = [], manifest = recording.manifest } = {}) {
      sessions.set(`${recording.project}/${recording.session}`, { newer, manifest });
      for (const chunk of recording.chunks) chunks.set(chunk.name, chunk);
    },
    addTables(added) {
      tables.push(...added);
      for (const { key, body } of added) chunks.set(key, { body });
    },
    addTape({ project, session }, tape, { manifest } = { manifest: null }) {
      const key = `archive/90d/${project}/${session}.tape`;
      const header_bytes = 48 + new DataView(tape.buffer, tape.byteOffset).getUint32(12, true);
      sessions.set(`${project}/${session}`, {
        manifest,
        newer: [],
        tape: { key, bytes: tape.length, header_bytes },
      });
      chunks.set(key, { body: tape });
    },
    addFile(name, body) {
      chunks.set(name, { body });
      return `${store.origin}/${name}`;
    },
    link(recording, query = "") {
      return `${player.origin}/#/sessions/${recording.project}/${recording.session}?token=${TOKEN}${query}`;
    },
    async close() {
      for (const { server } of [player, edge, store]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

/** The chunks that overlap the 90 s around `atMs`, from the checkpoint before. */
function namesAround({ page, chunks }: Manifest["pages"][number], atMs: number): string[] {
  const [fromMs, untilMs] = [atMs - 45_000, atMs + 45_000];
  let from = chunks.findLastIndex((chunk) => chunk.checkpoints.some(([ms]) => ms <= fromMs));
  if (from < 0) from = 0;
  return chunks
    .slice(from)
    .filter((chunk) => chunk.first_ms <= untilMs)
    .map(({ seq, hash }) => chunkName(page, seq, hash));
}

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

async function listen(handler: Handler): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    handler(request, response).catch((error: unknown) => end(response, 500, String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function end(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.end(body);
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.setHeader("Content-Type", "application/json");
  end(response, status, JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const part of request) body += part;
  return body;
}
