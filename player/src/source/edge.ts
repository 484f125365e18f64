import {
  array,
  FormatError,
  number,
  object,
  parseManifest,
  parseNewerChunk,
} from "../session/manifest.ts";
import { callEdge, type EdgeAccess } from "./edge-calls.ts";
import { urlRanges } from "./ranges.ts";
import { bodyOf, reach, readable, retried } from "./reach.ts";
import { type Moment, type Packed, type Source, SourceError, type View } from "./source.ts";
import type { TapeSource } from "./tape.ts";

/** spec/viewer-api.md: names in one call. */
const SIGN_NAMES_MAX = 256;
/** A URL is not used so shortly before its end that the request could arrive after it. */
const EXPIRY_MARGIN_MS = 20_000;
const CHUNK_BYTES_MAX = 16 * 1024 * 1024;

/**
 * A session behind the viewer's calls of an edge (spec/viewer-api.md): chunks come straight from the bucket by signed URLs. A session that has a
 * tape and has not grown since plays from the tape: two ranges show any moment.
 */
export class EdgeSource implements Source {
  readonly #access: EdgeAccess;
  readonly #path: string;
  /** By our clock, which may differ from the edge's. */
  readonly #urls = new Map<string, { url: string; expiresMs: number }>();
  #signing: { names: Set<string>; done: Promise<void> } | null = null;
  #tape: { key: string; url: string; source: () => Promise<TapeSource> } | null = null;
  /** Whether the tape is what plays, which is decided once: names of frames are not names of chunks. */
  #fromTape: boolean | null = null;

  constructor(access: EdgeAccess, session: string) {
    this.#access = access;
    this.#path = `/sessions/${encodeURIComponent(session)}`;
  }

  async view(at: Moment, signal: AbortSignal): Promise<View> {
    const query = at === "start" ? "" : `?at=${at}`;
    const reply = await callEdge(this.#access, this.#path + query, { signal });
    const { view, chunks } = readable(() => {
      this.#learn(reply);
      this.#learnTape(reply.tape);
      const manifest = reply.manifest === null ? null : parseManifest(reply.manifest);
      return {
        view: {
          manifest,
          raw: manifest === null ? null : object(reply.manifest, "manifest"),
          newer: array(reply.newer, "newer").map(parseNewerChunk),
          nowMs: number(reply.now_ms, "now_ms"),
          coding: "gzip" as const,
        },
        chunks: manifest?.pages.reduce((sum, page) => sum + page.chunks.length, 0) ?? 0,
      };
    });
    if (this.#tape !== null && this.#fromTape === null && view.newer.length === 0) {
      const tape = await this.#tape.source();
      this.#fromTape = (await tape.chunkCount(signal)) >= chunks;
    }
    this.#fromTape ??= false;
    if (!this.#fromTape || this.#tape === null) return view;
    return { ...(await (await this.#tape.source()).view(at, signal)), nowMs: view.nowMs };
  }

  async tape(signal: AbortSignal): Promise<Blob | null> {
    return this.#fromTape && this.#tape !== null ? (await this.#tape.source()).tape(signal) : null;
  }

  async chunk(name: string, signal: AbortSignal): Promise<Packed> {
    if (this.#fromTape && this.#tape !== null)
      return (await this.#tape.source()).chunk(name, signal);
    return retried(signal, async () => {
      const url = await this.#signed(name);
      signal.throwIfAborted();
      const response = await reach(url, { signal });
      if (response.ok) {
        const body = await bodyOf(response, `chunk ${name}`, CHUNK_BYTES_MAX, signal);
        return { coding: "gzip", body };
      }
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
        const reply = await callEdge(this.#access, `${this.#path}/urls`, {
          method: "POST",
          body: { chunks: [...names] },
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

  #learnTape(value: unknown): void {
    if (value === undefined || value === null) return;
    const tape = object(value, "tape");
    const { key, url } = tape;
    if (typeof key !== "string" || typeof url !== "string")
      throw new FormatError("tape has no key or no URL");
    if (this.#tape?.key === key) {
      this.#tape.url = url;
      return;
    }
    const ranges = urlRanges(async (renew, signal) => {
      if (renew) await this.#renewTape(signal);
      return this.#tape?.url ?? url;
    }, "the session's tape");
    const headerBytes = number(tape.header_bytes, "header_bytes");
    let made: Promise<TapeSource> | undefined;
    // Sessions without a tape do without what reads one.
    const source = () => {
      made ??= begin();
      return made;
    };
    const begin = async () => {
      const header = ranges.read(0, headerBytes, new AbortController().signal);
      // Who reads the tape hears of its failure.
      header.catch(() => {});
      const { TapeSource } = await import("./tape.ts");
      return new TapeSource(ranges, headerBytes, header);
    };
    this.#tape = { key, url, source };
  }

  async #renewTape(signal: AbortSignal): Promise<void> {
    const reply = await callEdge(this.#access, this.#path, { signal });
    readable(() => this.#learnTape(reply.tape));
  }
}
