/** The form of a tape (spec/tape.md): one session as one file. Pure: bytes and JSON in, what to read and to play out. */

import {
  array,
  type Chunk,
  chunkName,
  FormatError,
  type Manifest,
  number,
  object,
  type Page,
  parseManifest,
} from "./manifest.ts";

export const TAPE_LIMITS = {
  headerBytesMax: 1024 * 1024,
  headerInflatedBytesMax: 8 * 1024 * 1024,
  frameBytesMax: 16 * 1024 * 1024,
  frameInflatedBytesMax: 64 * 1024 * 1024,
};

export const PREAMBLE_BYTES = 48;
export const MAGIC = "TAPEDECK";
export const TAPE_VERSION = 1;

export interface Preamble {
  /** Of the header as stored, which directly follows. */
  headerBytes: number;
  /** Hex. */
  sha256: string;
}

/** @throws {FormatError} if the file is no tape, or one of another version. */
export function parsePreamble(bytes: ArrayBuffer): Preamble {
  if (bytes.byteLength < PREAMBLE_BYTES)
    throw new FormatError(
      `file is ${bytes.byteLength} bytes, a tape has ${PREAMBLE_BYTES} before its header`,
    );
  const view = new DataView(bytes);
  const magic = String.fromCharCode(...new Uint8Array(bytes, 0, 8));
  if (magic !== MAGIC) throw new FormatError("file is not a tape: it does not begin with TAPEDECK");
  const version = view.getUint32(8, true);
  if (version !== TAPE_VERSION)
    throw new FormatError(`tape has version ${version}, this player reads ${TAPE_VERSION}`);
  const headerBytes = view.getUint32(12, true);
  if (headerBytes > TAPE_LIMITS.headerBytesMax) {
    throw new FormatError(
      `tape's header is ${headerBytes} bytes, limit is ${TAPE_LIMITS.headerBytesMax}`,
    );
  }
  return { headerBytes, sha256: hex(new Uint8Array(bytes, 16, 32)) };
}

export interface Frame {
  page: string;
  /** From the first byte behind the header. */
  offset: number;
  bytes: number;
  inflatedBytes: number;
  sha256: string;
}

export interface Tape {
  /** Of which the chunks are the frames. */
  manifest: Manifest;
  /** The manifest as the header has it. */
  raw: object;
  /** By the name that `manifest` gives to each. */
  frames: ReadonlyMap<string, Frame>;
  /** Chunks that the session had when the tape was written. */
  chunks: number;
}

interface ListedFrame extends Frame {
  chunk: Chunk;
  parts: { seq: number; hash: string }[];
}

/**
 * What a tape's header tells.
 *
 * @throws {FormatError} if it is not as spec/tape.md says.
 */
export function parseTapeHeader(json: unknown): Tape {
  const header = object(json, "tape's header");
  if (header.version !== TAPE_VERSION)
    throw new FormatError(
      `tape's header has version ${String(header.version)}, this player reads ${TAPE_VERSION}`,
    );
  const manifest = parseManifest(header.manifest);
  const listed = array(header.frames, "frames").map(parseFrame);
  const frames = new Map<string, Frame>();
  const pages: Page[] = [];
  for (const page of manifest.pages) {
    const own = numbered(listed.filter((frame) => frame.page === page.page));
    if (own.length === 0) continue;
    for (const frame of own) {
      const active = activeIn(page, frame);
      if (active !== null) frame.chunk.active = active;
      frames.set(chunkName(page.page, frame.chunk.seq, frame.chunk.hash), frame);
    }
    const gaps = gapsWithin(page, own);
    pages.push({
      ...page,
      chunks: own.map(({ chunk }) => chunk),
      ...(gaps.length === 0 ? {} : { gaps }),
    });
  }
  const chunks = manifest.pages.reduce((sum, page) => sum + page.chunks.length, 0);
  const raw = object(header.manifest, "manifest");
  return { manifest: { ...manifest, pages }, raw, frames, chunks };
}

function parseFrame(value: unknown): ListedFrame {
  const frame = object(value, "frame");
  const [page, sha256] = [frame.page, frame.sha256];
  if (typeof page !== "string") throw new FormatError("frame's page is no text");
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256))
    throw new FormatError("frame's sha256 is not 64 hexadecimal digits");
  const [offset, bytes] = [number(frame.offset, "offset"), number(frame.bytes, "bytes")];
  const inflatedBytes = number(frame.inflated_bytes, "inflated_bytes");
  within(offset, 0, Number.MAX_SAFE_INTEGER, "frame's offset");
  within(bytes, 1, TAPE_LIMITS.frameBytesMax, "frame's bytes");
  within(inflatedBytes, 0, TAPE_LIMITS.frameInflatedBytesMax, "frame's inflated bytes");
  return {
    page,
    offset,
    bytes,
    inflatedBytes,
    sha256,
    parts: array(frame.parts, "parts").map((value) => {
      const part = object(value, "part");
      return { seq: number(part.seq, "seq"), hash: String(part.hash) };
    }),
    chunk: {
      seq: 0,
      hash: sha256.slice(0, 8),
      first_ms: number(frame.first_ms, "first_ms"),
      last_ms: number(frame.last_ms, "last_ms"),
      bytes,
      inflated_bytes: inflatedBytes,
      events: number(frame.events, "events"),
      checkpoints: array(frame.checkpoints ?? [], "checkpoints").map((value) => {
        const pair = array(value, "checkpoint");
        return [number(pair[0], "checkpoint"), number(pair[1], "checkpoint")];
      }),
    },
  };
}

/** Gives the frames of one page their place: one number is left out where chunks are missing between two of them, as a missing seq is. */
function numbered(frames: ListedFrame[]): ListedFrame[] {
  let seq = 0;
  let last: ListedFrame | null = null;
  for (const frame of frames) {
    if (last !== null) {
      const [before, next] = [last.parts.at(-1)?.seq, frame.parts[0]?.seq];
      seq += before !== undefined && next !== undefined && next > before + 1 ? 2 : 1;
    }
    frame.chunk.seq = seq;
    last = frame;
  }
  return frames;
}

/** Missing seqs between two chunks whose events lie in one frame. */
function gapsWithin(page: Page, frames: ListedFrame[]): [number, number][] {
  const chunkOf = (seq: number) => page.chunks.find((chunk) => chunk.seq === seq);
  return frames.flatMap(({ parts }) =>
    parts.flatMap(({ seq }, index): [number, number][] => {
      const next = parts[index + 1]?.seq;
      if (next === undefined || next <= seq + 1) return [];
      const [before, after] = [chunkOf(seq), chunkOf(next)];
      if (before === undefined || after === undefined || after.first_ms <= before.last_ms)
        return [];
      return [[before.last_ms, after.first_ms]];
    }),
  );
}

/** When the visitor was with the page, of the time that the frame covers. */
function activeIn(page: Page, { parts, chunk }: ListedFrame): [number, number] | null {
  const names = new Set(parts.map(({ seq, hash }) => `${seq} ${hash}`));
  let active: [number, number] | null = null;
  for (const { seq, hash, active: of } of page.chunks) {
    if (of === undefined || !names.has(`${seq} ${hash}`)) continue;
    const [from, to] = [Math.max(of[0], chunk.first_ms), Math.min(of[1], chunk.last_ms)];
    if (from > to) continue;
    active = active === null ? [from, to] : [Math.min(active[0], from), Math.max(active[1], to)];
  }
  return active;
}

function within(value: number, min: number, max: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new FormatError(`${what} is ${value}, expected ${min} to ${max}`);
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
