import { FormatError } from "../session/manifest.ts";
import {
  hex,
  PREAMBLE_BYTES,
  parsePreamble,
  parseTapeHeader,
  TAPE_LIMITS,
  type Tape,
} from "../session/tape.ts";
import { gathered, type Ranges } from "./ranges.ts";
import { readable } from "./reach.ts";
import { type Moment, type Packed, type Source, SourceError, type View } from "./source.ts";

/** Read at first where nobody told how long the header is: most are shorter. */
const HEADER_GUESS_BYTES = 64 * 1024;
/** Frames of another page that may lie between two that are wanted: reading over them costs less than a request. */
const GAP_BYTES_MAX = 128 * 1024;
const RUN_BYTES_MAX = 32 * 1024 * 1024;

interface Opened extends Tape {
  /** Where the header ends: offsets of frames count from there. */
  end: number;
}

/** A tape (spec/tape.md), wherever it lies. Its header is one read, and what a moment needs one more. */
export class TapeSource implements Source {
  readonly #ranges: Ranges;
  readonly #frames: Ranges;
  readonly #headerBytes: number | null;
  #opening: Promise<Opened> | null = null;
  #begun: Promise<ArrayBuffer> | null;

  /** `headerBytes`: preamble and header together, where that is known; `begun`: the read of these, where it has begun. */
  constructor(
    ranges: Ranges,
    headerBytes: number | null = null,
    begun: Promise<ArrayBuffer> | null = null,
  ) {
    this.#begun = begun;
    this.#ranges = ranges;
    this.#frames = gathered(ranges, GAP_BYTES_MAX, RUN_BYTES_MAX);
    this.#headerBytes = headerBytes;
  }

  async view(_at: Moment, signal: AbortSignal): Promise<View> {
    const { manifest, raw } = await this.#tape(signal);
    return { manifest, raw, newer: [], nowMs: Date.now(), coding: "zstd" };
  }

  /** How many chunks the session had when the tape was written. */
  async chunkCount(signal: AbortSignal): Promise<number> {
    return (await this.#tape(signal)).chunks;
  }

  async tape(signal: AbortSignal): Promise<Blob> {
    const { end, frames } = await this.#tape(signal);
    const length = Math.max(0, ...[...frames.values()].map(({ offset, bytes }) => offset + bytes));
    return new Blob([await this.#ranges.read(0, end + length, signal)], {
      type: "application/vnd.tapedeck.tape",
    });
  }

  async chunk(name: string, signal: AbortSignal): Promise<Packed> {
    const { frames, end } = await this.#tape(signal);
    const frame = frames.get(name);
    if (frame === undefined) throw new SourceError("not_found", `tape has no frame ${name}`);
    const { offset, bytes, inflatedBytes, sha256 } = frame;
    const body = await this.#frames.read(end + offset, end + offset + bytes, signal);
    await verify(body, sha256, `frame ${name}`);
    return { coding: "zstd", body, inflatedBytes };
  }

  #tape(signal: AbortSignal): Promise<Opened> {
    if (this.#opening === null) {
      const opening = this.#read(signal);
      this.#opening = opening;
      // What failed is tried again by the next who asks.
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = null;
      });
    }
    return this.#opening;
  }

  async #read(signal: AbortSignal): Promise<Opened> {
    // Sessions without a tape do without the decoder. It comes while the header does.
    const decoder = import("../load/zstd.ts");
    decoder.catch(() => {});
    const guess = this.#headerBytes ?? HEADER_GUESS_BYTES;
    const begun = this.#begun;
    this.#begun = null;
    const start = await (begun ?? this.#ranges.read(0, guess, signal));
    const preamble = readable(() => parsePreamble(start));
    const end = PREAMBLE_BYTES + preamble.headerBytes;
    const rest = end > guess ? await this.#ranges.read(guess, end, signal) : new ArrayBuffer(0);
    const stored = new Uint8Array(start.byteLength + rest.byteLength);
    stored.set(new Uint8Array(start));
    stored.set(new Uint8Array(rest), start.byteLength);
    if (stored.length < end)
      throw new SourceError(
        "unreadable",
        `file ends within the tape's header, which ends at ${end}`,
      );
    const header = stored.slice(PREAMBLE_BYTES, end).buffer;
    await verify(header, preamble.sha256, "tape's header");
    const { inflateZstdUpTo } = await decoder;
    const inflate = (bytes: ArrayBuffer) =>
      inflateZstdUpTo(bytes, TAPE_LIMITS.headerInflatedBytesMax);
    return readable(() => ({ ...parseTapeHeader(parseJson(header, inflate)), end }));
  }
}

function parseJson(header: ArrayBuffer, inflate: (bytes: ArrayBuffer) => Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(inflate(header)));
  } catch (cause) {
    throw new FormatError("tape's header is not one Zstandard frame of JSON", { cause });
  }
}

async function verify(bytes: ArrayBuffer, expected: string, what: string): Promise<void> {
  if (globalThis.crypto.subtle === undefined) {
    throw new SourceError(
      "unreadable",
      "this player is served over plain http, where browsers check no checksums: open it over https",
    );
  }
  const found = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  if (found !== expected)
    throw new SourceError(
      "unreadable",
      `${what} has checksum ${found.slice(0, 8)}…, expected ${expected.slice(0, 8)}…`,
    );
}
