import { FormatError, isChunkName, object, parseManifest } from "../session/manifest.ts";
import { bodyOf, reach, readable, retried } from "./reach.ts";
import { type Moment, type Packed, type Source, SourceError, type View } from "./source.ts";

const MANIFEST_BYTES_MAX = 8 * 1024 * 1024;
const CHUNK_BYTES_MAX = 16 * 1024 * 1024;

/** A manifest and chunks behind plain URLs (spec/viewer-api.md, "Without an edge"): any host that answers other origins will do. */
export class UrlSource implements Source {
  readonly #manifest: URL;
  readonly #chunks: URL;

  /** `chunks`: the folder that holds them; relative to the manifest, and by default the manifest's own. */
  constructor(manifest: string, chunks: string | null) {
    this.#manifest = new URL(manifest);
    const folder = new URL(chunks ?? ".", this.#manifest);
    if (!folder.pathname.endsWith("/")) folder.pathname += "/";
    this.#chunks = folder;
  }

  view(_at: Moment, signal: AbortSignal): Promise<View> {
    return retried(signal, async () => {
      // A manifest may grow: it is asked for again, and a host with an ETag answers that it did not.
      const body = await this.#get(
        this.#manifest,
        "the manifest",
        MANIFEST_BYTES_MAX,
        signal,
        "no-cache",
      );
      return readable(() => {
        const raw = object(parseJson(body), "manifest");
        return { manifest: parseManifest(raw), raw, newer: [], nowMs: Date.now(), coding: "gzip" };
      });
    });
  }

  chunk(name: string, signal: AbortSignal): Promise<Packed> {
    return retried(signal, async () => {
      // A name comes from the manifest, and must not lead out of the folder.
      if (!isChunkName(name)) throw new SourceError("unreadable", `manifest names a chunk ${name}`);
      const url = new URL(`${name}.ndjson.gz${this.#chunks.search}`, this.#chunks);
      const body = await this.#get(url, `chunk ${name}`, CHUNK_BYTES_MAX, signal, "default");
      return { coding: "gzip", body };
    });
  }

  async #get(
    url: URL,
    what: string,
    bytesMax: number,
    signal: AbortSignal,
    cache: RequestCache,
  ): Promise<ArrayBuffer> {
    const response = await reach(url.href, { signal, cache });
    if (response.ok) return bodyOf(response, what, bytesMax, signal);
    await response.body?.cancel();
    if (response.status === 404)
      throw new SourceError("not_found", `${what} is not at ${url.origin}${url.pathname}`);
    const kind = response.status === 429 || response.status >= 500 ? "unavailable" : "forbidden";
    throw new SourceError(kind, `${url.origin} answered ${response.status} for ${what}`);
  }
}

function parseJson(body: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new FormatError("manifest is not JSON", { cause });
  }
}
