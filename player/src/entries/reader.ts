import type { Decoder } from "../load/decoder.ts";
import { type Source, SourceError } from "../source/source.ts";
import type { Entries } from "./entries.ts";

/** How a reading gets on. */
export interface Reading {
  running: boolean;
  /** Chunks read or given up, of those that were asked for. */
  done: number;
  of: number;
  /** Chunks that could not be read: gone, or broken. */
  lost: number;
  /** Why it stopped before its end, or null. */
  trouble: Error | null;
}

export const NOT_READING: Reading = { running: false, done: 0, of: 0, lost: 0, trouble: null };

const FETCHES_MAX = 3;

/**
 * Reads what the panels show of chunks that nobody plays. Of each chunk only its index is kept, so memory is bounded by {@link Entries}, and by
 * a few chunks at a time in the worker.
 */
export class EntryReader {
  readonly #source: Pick<Source, "chunk">;
  readonly #decoder: Pick<Decoder, "index">;
  readonly #entries: Entries;
  readonly #onchange: (reading: Reading) => void;
  #running: AbortController | null = null;
  /** Never asked for again: they would fail again. */
  readonly #lost = new Set<string>();
  #reading = NOT_READING;

  constructor(
    source: Pick<Source, "chunk">,
    decoder: Pick<Decoder, "index">,
    entries: Entries,
    onchange: (reading: Reading) => void,
  ) {
    this.#source = source;
    this.#decoder = decoder;
    this.#entries = entries;
    this.#onchange = onchange;
  }

  /** Reads these chunks in their order, instead of what was being read. */
  async read(names: readonly string[]): Promise<void> {
    this.cancel();
    const running = new AbortController();
    this.#running = running;
    const left = names.filter((name) => !this.#entries.has(name) && !this.#lost.has(name));
    this.#publish({ running: true, done: 0, of: left.length, trouble: null });
    const work = async () => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        await this.#one(name, running.signal);
        if (running.signal.aborted) return;
        this.#publish({ done: this.#reading.done + 1 });
      }
    };
    try {
      await Promise.all(Array.from({ length: FETCHES_MAX }, work));
    } catch (error) {
      if (running.signal.aborted) return;
      running.abort();
      this.#publish({ trouble: error instanceof Error ? error : new Error(String(error)) });
    } finally {
      if (this.#running === running) {
        this.#running = null;
        this.#publish({ running: false });
      }
    }
  }

  /** Stops at once. What was read is kept. */
  cancel(): void {
    this.#running?.abort();
    this.#running = null;
    if (this.#reading.running) this.#publish({ running: false });
  }

  async #one(name: string, signal: AbortSignal): Promise<void> {
    // It may have been played in the meantime.
    if (this.#entries.has(name)) return;
    try {
      const index = await this.#decoder.index(await this.#source.chunk(name, signal));
      if (!signal.aborted) this.#entries.add(name, index);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof SourceError && (error.passes || error.kind === "unauthorized"))
        throw error;
      this.#lost.add(name);
      this.#publish({ lost: this.#lost.size });
    }
  }

  #publish(change: Partial<Reading>): void {
    this.#reading = { ...this.#reading, ...change };
    this.#onchange(this.#reading);
  }
}
