import pRetry from "p-retry";
import {
  array,
  FormatError,
  number,
  object,
  parseManifest,
  parseNewerChunk,
} from "../session/manifest.ts";
import { type Moment, type Source, SourceError, type View } from "./source.ts";

/** spec/viewer-api.md: names in one call. */
const SIGN_NAMES_MAX = 256;
/** A URL is not used so shortly before its end that the request could arrive after it. */
const EXPIRY_MARGIN_MS = 20_000;
const RETRIES = 3;
const CHUNK_BYTES_MAX = 8 * 1024 * 1024;

export interface EdgeSession {
  /** The edge's URL, without a slash at the end. */
  edge: string;
  project: string;
  session: string;
  token: string;
}

/** A session behind the viewer's calls of an edge (spec/viewer-api.md): chunks come straight from the bucket by signed URLs. */
export class EdgeSource implements Source {
  readonly #base: string;
  readonly #token: string;
  /** By our clock, which may differ from the edge's. */
  readonly #urls = new Map<string, { url: string; expiresMs: number }>();
  #signing: { names: Set<string>; done: Promise<void> } | null = null;

  constructor(session: EdgeSession) {
    const { edge, project, session: id, token } = session;
    this.#base = `${edge}/v1/projects/${encodeURIComponent(project)}/sessions/${encodeURIComponent(id)}`;
    this.#token = token;
  }

  async view(at: Moment, signal: AbortSignal): Promise<View> {
    const query = at === "start" ? "" : `?at=${at}`;
    const reply = await this.#call(query, { signal });
    return readable(() => {
      this.#learn(reply);
      return {
        manifest: reply.manifest === null ? null : parseManifest(reply.manifest),
        newer: array(reply.newer, "newer").map(parseNewerChunk),
        nowMs: number(reply.now_ms, "now_ms"),
      };
    });
  }

  chunk(name: string, signal: AbortSignal): Promise<ArrayBuffer> {
    return retried(signal, async () => {
      const url = await this.#signed(name);
      signal.throwIfAborted();
      const response = await reach(url, {
        signal,
        credentials: "omit",
        referrerPolicy: "no-referrer",
      });
      if (response.ok) return bodyOf(response, signal);
      await response.body?.cancel();
      if (response.status === 404)
        throw new SourceError("not_found", `chunk ${name} is no longer stored`);
      // Expired, or signed with keys that were changed since: a new signature can help.
      this.#urls.delete(name);
      throw new SourceError("unavailable", `store answered ${response.status} for chunk ${name}`);
    });
  }

  async #signed(name: string): Promise<string> {
    const known = this.#urls.get(name);
    if (known !== undefined && Date.now() < known.expiresMs) return known.url;
    await this.#sign(name);
    const signed = this.#urls.get(name);
    if (signed === undefined)
      throw new SourceError("unreadable", `edge signed no URL for chunk ${name}`);
    return signed.url;
  }

  /** Names that are asked for at the same moment share a call. */
  #sign(name: string): Promise<void> {
    if (this.#signing === null || this.#signing.names.size >= SIGN_NAMES_MAX) {
      const names = new Set<string>();
      const done = Promise.resolve().then(async () => {
        if (this.#signing?.names === names) this.#signing = null;
        const body = JSON.stringify({ chunks: [...names] });
        const reply = await this.#call("/urls", {
          method: "POST",
          body,
          headers: { "Content-Type": "application/json" },
        });
        readable(() => this.#learn(reply));
      });
      this.#signing = { names, done };
    }
    this.#signing.names.add(name);
    return this.#signing.done;
  }

  #learn(reply: Record<string, unknown>): void {
    const livesMs = number(reply.urls_expire_ms, "urls_expire_ms") - number(reply.now_ms, "now_ms");
    const expiresMs = Date.now() + livesMs - EXPIRY_MARGIN_MS;
    for (const [name, url] of Object.entries(object(reply.urls, "urls"))) {
      if (typeof url !== "string") throw new FormatError(`URL of chunk ${name} is no text`);
      this.#urls.set(name, { url, expiresMs });
    }
  }

  #call(
    path: string,
    init: RequestInit & { headers?: Record<string, string> },
  ): Promise<Record<string, unknown>> {
    return retried(init.signal ?? undefined, async () => {
      const response = await reach(this.#base + path, {
        ...init,
        headers: { ...init.headers, Authorization: `Bearer ${this.#token}` },
        credentials: "omit",
        cache: "no-store",
        referrerPolicy: "no-referrer",
      });
      const body: unknown = await response.json().catch((cause: unknown) => {
        init.signal?.throwIfAborted();
        if (!response.ok) return {};
        throw new SourceError("unreadable", "edge's reply is not JSON", { cause });
      });
      if (response.ok) return readable(() => object(body, "reply"));
      const detail =
        typeof body === "object" && body !== null
          ? (body as Record<string, unknown>).detail
          : undefined;
      const message = typeof detail === "string" ? detail : `edge answered ${response.status}`;
      throw new SourceError(kindOf(response.status), message);
    });
  }
}

function kindOf(status: number): SourceError["kind"] {
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 404) return "not_found";
  return status === 429 || status >= 500 ? "unavailable" : "request";
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    init.signal?.throwIfAborted();
    throw new SourceError("unreachable", `no answer from ${new URL(url).origin}`, { cause });
  }
}

async function bodyOf(response: Response, signal: AbortSignal): Promise<ArrayBuffer> {
  const length = Number(response.headers.get("Content-Length") ?? 0);
  if (length > CHUNK_BYTES_MAX) {
    await response.body?.cancel();
    throw new SourceError("unreadable", `chunk is ${length} bytes, limit is ${CHUNK_BYTES_MAX}`);
  }
  try {
    return await response.arrayBuffer();
  } catch (cause) {
    signal.throwIfAborted();
    throw new SourceError("unreachable", "the connection broke within a chunk", { cause });
  }
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof FormatError) throw new SourceError("unreadable", cause.message, { cause });
    throw cause;
  }
}

function retried<T>(signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
  return pRetry(attempt, {
    retries: RETRIES,
    minTimeout: 250,
    randomize: true,
    shouldRetry: ({ error }) => error instanceof SourceError && error.passes,
    ...(signal === undefined ? {} : { signal }),
  });
}
