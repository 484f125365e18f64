/** A chunk's bytes into events: inflated, parsed and bounded, since a recording is written by strangers. */

import { EventType, type eventWithTime } from "@rrweb/types";
import { type ChunkIndex, indexChunk } from "../entries/chunk.ts";
import { TAPE_LIMITS } from "../session/tape.ts";
import type { Packed } from "../source/source.ts";
import { DecodeError } from "./decode-error.ts";
import { sanitise } from "./sanitise.ts";
import { settleTimes } from "./settle.ts";
import { type Summary, summarise } from "./summary.ts";

/** The ceilings of spec/upload.md: no edge admits more. */
export const CHUNK_LIMITS = {
  compressedBytesMax: 8 * 1024 * 1024,
  inflatedBytesMax: 32 * 1024 * 1024,
  eventsMax: 100_000,
};

export interface Decoded {
  /** Sorted by time, safe to replay, each mouse position an event of its own. */
  events: eventWithTime[];
  summary: Summary;
  index: ChunkIndex;
  inflatedBytes: number;
  /** Lines that were no event rrweb could show. */
  refused: number;
}

/**
 * The events of one chunk. Pictures are left only from the origins `assets`.
 *
 * @throws {DecodeError} if it is not one whole gzip member or Zstandard frame of NDJSON within its limits.
 */
export async function decodeChunk(packed: Packed, assets: readonly string[]): Promise<Decoded> {
  const { events, refused, inflatedBytes } = await readChunk(packed);
  // Before the events are changed: these rules speak of them as they were recorded.
  const summary = summarise(events);
  const index = indexChunk(events);
  const safe = events.filter((event) => sanitise(event, assets));
  return { events: settleTimes(safe), summary, index, inflatedBytes, refused };
}

/**
 * Only the index of one chunk, for chunks that nobody plays.
 *
 * @throws {DecodeError} as {@link decodeChunk}.
 */
export async function readIndex(packed: Packed): Promise<ChunkIndex> {
  return indexChunk((await readChunk(packed)).events);
}

/** Loads what chunks of this coding need. */
export async function prepareCoding(coding: Packed["coding"]): Promise<void> {
  if (coding === "zstd") await loadZstd();
}

/** Chunks do without the decoder. */
const loadZstd = () => import("./zstd.ts");

async function readChunk(
  packed: Packed,
): Promise<{ events: eventWithTime[]; refused: number; inflatedBytes: number }> {
  const { text, bytes } = await unpack(packed);
  const events: eventWithTime[] = [];
  let refused = 0;
  let from = 0;
  while (from < text.length) {
    let end = text.indexOf("\n", from);
    if (end < 0) end = text.length;
    if (events.length + refused >= CHUNK_LIMITS.eventsMax) {
      throw new DecodeError(`chunk has more than ${CHUNK_LIMITS.eventsMax} events`);
    }
    const event = parseEvent(text.slice(from, end));
    if (event === null) refused++;
    else events.push(event);
    from = end + 1;
  }
  return { events, refused, inflatedBytes: bytes };
}

/** What a chunk holds, as text. @throws {DecodeError} */
export async function unpack(packed: Packed): Promise<{ text: string; bytes: number }> {
  if (packed.coding === "gzip") return gunzip(packed.body);
  const { body, inflatedBytes } = packed;
  if (inflatedBytes > TAPE_LIMITS.frameInflatedBytesMax)
    throw new DecodeError(
      `frame is ${inflatedBytes} bytes inflated, limit is ${TAPE_LIMITS.frameInflatedBytesMax}`,
    );
  const { inflateZstd } = await loadZstd();
  try {
    const bytes = inflateZstd(body, inflatedBytes);
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), bytes: bytes.length };
  } catch (cause) {
    throw new DecodeError("frame is not one Zstandard frame of UTF-8", { cause });
  }
}

async function gunzip(body: ArrayBuffer): Promise<{ text: string; bytes: number }> {
  const reader = new Blob([body]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  try {
    // Not every browser can iterate over a stream.
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.byteLength;
      if (bytes > CHUNK_LIMITS.inflatedBytesMax) {
        throw new DecodeError(
          `chunk is more than ${CHUNK_LIMITS.inflatedBytesMax} bytes after gunzip`,
        );
      }
      text += decoder.decode(part.value, { stream: true });
    }
    text += decoder.decode();
  } catch (error) {
    if (error instanceof DecodeError) {
      await reader.cancel();
      throw error;
    }
    throw new DecodeError("chunk is not one whole gzip member of UTF-8", { cause: error });
  }
  return { text, bytes };
}

/** One line as an event of a type rrweb shows and of the shape it relies on, or null. */
export function parseEvent(line: string): eventWithTime | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Expected of outside bytes, and counted by the caller: one bad line does not cost the others.
    return null;
  }
  if (!isObject(value) || typeof value.timestamp !== "number" || !Number.isFinite(value.timestamp))
    return null;
  const data = value.data;
  switch (value.type) {
    case EventType.DomContentLoaded:
    case EventType.Load:
      break;
    case EventType.FullSnapshot:
      if (!isObject(data) || !isObject(data.node) || !Array.isArray(data.node.childNodes))
        return null;
      if (!isObject(data.initialOffset)) data.initialOffset = { left: 0, top: 0 };
      break;
    case EventType.IncrementalSnapshot:
      if (!isObject(data) || typeof data.source !== "number") return null;
      break;
    case EventType.Meta:
      if (!isObject(data) || !isExtent(data.width) || !isExtent(data.height)) return null;
      break;
    case EventType.Custom:
      if (!isObject(data) || typeof data.tag !== "string") return null;
      break;
    default:
      return null;
  }
  value.timestamp = Math.trunc(value.timestamp);
  return value as unknown as eventWithTime;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isExtent(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 32_768;
}
