import { chunkName, type Manifest, pageOfChunk } from "../session/manifest.ts";
import type { ChunkIndex, Press } from "./chunk.ts";
import type { Entry } from "./entry.ts";

/** What is known of a session's entries at one time. */
export interface Known {
  /** By moment. */
  entries: readonly Entry[];
  /** Of the session's chunks, how many have been read. */
  chunksRead: number;
  chunks: number;
  /** Compressed bytes of those that have not. */
  bytesLeft: number;
  /** Entries that are not kept because there are too many. */
  omitted: number;
}

export const NOTHING_KNOWN: Known = {
  entries: [],
  chunksRead: 0,
  chunks: 0,
  bytesLeft: 0,
  omitted: 0,
};

/** Entries kept of one session: an entry is some hundred bytes, seldom some thousand. */
export const ENTRIES_MAX = 50_000;

/** The entries of those chunks of a session that have been read, each once. */
export class Entries {
  readonly #chunks = new Map<string, { entries: Entry[]; index: ChunkIndex }>();
  readonly #max: number;
  #kept = 0;
  #omitted = 0;
  /** All entries by moment, until a chunk is added. */
  #sorted: Entry[] | null = [];

  constructor(max = ENTRIES_MAX) {
    this.#max = max;
  }

  /** Grows with each chunk that is added. */
  get version(): number {
    return this.#chunks.size;
  }

  has(chunk: string): boolean {
    return this.#chunks.has(chunk);
  }

  add(chunk: string, index: ChunkIndex): void {
    if (this.has(chunk)) return;
    const page = pageOfChunk(chunk);
    const room = Math.max(0, this.#max - this.#kept);
    const entries = index.facts
      .slice(0, room)
      .map(({ event, atMs, fact }) => ({ id: `${chunk}:${event}`, page, atMs, ...fact }));
    this.#omitted += index.omitted + index.facts.length - entries.length;
    this.#kept += entries.length;
    this.#chunks.set(chunk, { entries, index: { ...index, facts: [] } });
    this.#sorted = null;
  }

  /** What is known of the session that `manifest` tells of. */
  known(manifest: Manifest | null): Known {
    let [chunksRead, chunks, bytesLeft] = [0, 0, 0];
    for (const { name, bytes } of namesOf(manifest)) {
      chunks++;
      if (this.has(name)) chunksRead++;
      else bytesLeft += bytes;
    }
    return { entries: this.#all(), chunksRead, chunks, bytesLeft, omitted: this.#omitted };
  }

  /** Names of the chunks that have not been read, those nearest to `aroundMs` first. With `withinMs`, only those that overlap it. */
  unread(
    manifest: Manifest,
    aroundMs: number,
    withinMs?: [fromMs: number, toMs: number],
  ): string[] {
    const distance = ({ fromMs, toMs }: { fromMs: number; toMs: number }) =>
      Math.max(fromMs - aroundMs, aroundMs - toMs, 0);
    return namesOf(manifest)
      .filter(({ name }) => !this.has(name))
      .filter(
        ({ fromMs, toMs }) =>
          withinMs === undefined || (fromMs <= withinMs[1] && toMs >= withinMs[0]),
      )
      .sort((a, b) => distance(a) - distance(b))
      .map(({ name }) => name);
  }

  /** When the visitor did something in a chunk, or undefined if it has not been read. */
  activity(chunk: string): readonly number[] | undefined {
    return this.#chunks.get(chunk)?.index.activity;
  }

  /** Presses on a page in [`fromMs`, `toMs`]. */
  presses(page: string, fromMs: number, toMs: number): Press[] {
    const found: Press[] = [];
    for (const [name, { index }] of this.#chunks) {
      if (pageOfChunk(name) !== page) continue;
      for (const press of index.presses)
        if (press.atMs >= fromMs && press.atMs <= toMs) found.push(press);
    }
    return found.sort((a, b) => a.atMs - b.atMs);
  }

  #all(): readonly Entry[] {
    this.#sorted ??= [...this.#chunks.values()]
      .flatMap(({ entries }) => entries)
      .sort((a, b) => a.atMs - b.atMs);
    return this.#sorted;
  }
}

/** Index of the last entry at or before `timeMs`, or -1. */
export function indexAt(entries: readonly { atMs: number }[], timeMs: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as { atMs: number }).atMs <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function namesOf(
  manifest: Manifest | null,
): { name: string; bytes: number; fromMs: number; toMs: number }[] {
  return (manifest?.pages ?? []).flatMap(({ page, chunks }) =>
    chunks.map(({ seq, hash, bytes, first_ms, last_ms }) => ({
      name: chunkName(page, seq, hash),
      bytes,
      fromMs: first_ms,
      toMs: last_ms,
    })),
  );
}
