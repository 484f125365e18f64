/** A session's chunks as one tape (spec/tape.md), with frames that are not compressed. */

import type { NewerChunk } from "../session/manifest.ts";
import { hex, MAGIC, PREAMBLE_BYTES, TAPE_LIMITS, TAPE_VERSION } from "../session/tape.ts";
import { frameOf } from "./zstd.ts";

/** spec/tape.md: when a frame ends. */
const FRAME_MS_BEFORE_CHECKPOINT = 45_000;
const FRAME_MS_MAX = 120_000;
const FRAME_BYTES_MAX = 4 * 1024 * 1024;

/** One chunk's lines, as they were stored. */
export interface Lines {
  page: string;
  seq: number;
  hash: string;
  lines: readonly string[];
}

interface FrameHead {
  page: string;
  events: number;
  first_ms: number;
  last_ms: number;
  checkpoints: [number, number][];
  parts: { seq: number; hash: string; from: number; to: number }[];
}

interface OpenFrame extends FrameHead {
  text: string[];
  bytes: number;
}

interface Line {
  text: string;
  type: unknown;
  timestamp: number;
}

/**
 * The tape of `chunks`, which are all of the session's, in the order of (page, seq, hash). `manifest` is the session's as it was given, without `tape`.
 *
 * @throws {RangeError} if its header would be longer than a reader takes.
 */
export async function encodeTape(
  manifest: object,
  chunks: readonly Lines[],
  writer: string,
): Promise<Blob> {
  const frames = framesOf(chunks);
  frames.sort(
    (a, b) => a.first_ms - b.first_ms || (a.page < b.page ? -1 : a.page > b.page ? 1 : 0),
  );
  const bodies: Uint8Array<ArrayBuffer>[] = [];
  const heads = [];
  const encoder = new TextEncoder();
  for (const { text, bytes: _, ...head } of frames) {
    const content = encoder.encode(text.join(""));
    const body = frameOf(content);
    bodies.push(body);
    heads.push({ head, bytes: body.length, inflated: content.length, sha256: await digest(body) });
  }
  const header = frameOf(encoder.encode(headerJson(manifest, heads, writer)));
  if (header.length > TAPE_LIMITS.headerBytesMax) {
    throw new RangeError(
      `tape's header would be ${header.length} bytes, limit is ${TAPE_LIMITS.headerBytesMax}: the session has too many chunks to be exported by a browser`,
    );
  }
  return new Blob([await preamble(header), header, ...bodies], {
    type: "application/vnd.tapedeck.tape",
  });
}

function headerJson(
  manifest: object,
  frames: { head: FrameHead; bytes: number; inflated: number; sha256: string }[],
  writer: string,
): string {
  let offset = 0;
  const listed = frames.map(({ head, bytes, inflated, sha256 }) => {
    const { page, ...rest } = head;
    const frame = { page, offset, bytes, inflated_bytes: inflated, ...rest, sha256 };
    offset += bytes;
    return frame;
  });
  return JSON.stringify({ version: TAPE_VERSION, writer, manifest, frames: listed });
}

async function preamble(header: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(PREAMBLE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint32(8, TAPE_VERSION, true);
  view.setUint32(12, header.length, true);
  bytes.set(new Uint8Array(await crypto.subtle.digest("SHA-256", header)), 16);
  return bytes.buffer;
}

function framesOf(chunks: readonly Lines[]): OpenFrame[] {
  const frames: OpenFrame[] = [];
  let open: OpenFrame | null = null;
  for (const chunk of chunks) {
    const lines = chunk.lines.map(parseLine);
    lines.forEach((line, index) => {
      const isCheckpoint = line.type === META && lines[index + 1]?.type === FULL_SNAPSHOT;
      if (open !== null && (open.page !== chunk.page || ends(open, line, isCheckpoint)))
        open = null;
      if (open === null) {
        open = newFrame(chunk.page, line);
        frames.push(open);
      }
      append(open, chunk, index, line);
      if (isCheckpoint) open.checkpoints.push([lines[index + 1]?.timestamp ?? 0, open.events - 1]);
    });
  }
  return frames;
}

function ends(frame: OpenFrame, { text, timestamp }: Line, isCheckpoint: boolean): boolean {
  const ms = Math.max(timestamp, frame.last_ms) - frame.first_ms;
  if (isCheckpoint && ms >= FRAME_MS_BEFORE_CHECKPOINT) return true;
  // A meta event and its full snapshot stay together: apart they are no checkpoint.
  const last = frame.checkpoints.at(-1);
  if (last !== undefined && last[1] === frame.events - 1) return false;
  return ms >= FRAME_MS_MAX || frame.bytes + text.length > FRAME_BYTES_MAX;
}

function newFrame(page: string, { timestamp }: Line): OpenFrame {
  return {
    page,
    events: 0,
    first_ms: timestamp,
    last_ms: timestamp,
    checkpoints: [],
    parts: [],
    text: [],
    bytes: 0,
  };
}

function append(frame: OpenFrame, { seq, hash }: Lines, index: number, line: Line): void {
  const part = frame.parts.at(-1);
  if (part !== undefined && part.seq === seq && part.hash === hash) part.to = index + 1;
  else frame.parts.push({ seq, hash, from: index, to: index + 1 });
  frame.text.push(`${line.text}\n`);
  frame.bytes += line.text.length + 1;
  frame.events++;
  frame.first_ms = Math.min(frame.first_ms, line.timestamp);
  frame.last_ms = Math.max(frame.last_ms, line.timestamp);
}

/** `Meta`, `FullSnapshot` of rrweb's event types. */
const META = 4;
const FULL_SNAPSHOT = 2;

function parseLine(text: string): Line {
  const event = parsed(text);
  const { type, timestamp } = (event ?? {}) as { type?: unknown; timestamp?: unknown };
  return { text, type, timestamp: typeof timestamp === "number" ? Math.trunc(timestamp) : 0 };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Expected of outside bytes: the line is kept as it is, and whoever plays it counts it as refused.
    return null;
  }
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** The order in which a tape takes chunks. */
export function inTapeOrder<T extends Pick<NewerChunk, "page" | "seq" | "hash">>(chunks: T[]): T[] {
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return chunks.sort((a, b) => compare(a.page, b.page) || a.seq - b.seq || compare(a.hash, b.hash));
}
