import { type Packed, SourceError } from "../source/source.ts";
import type { Decoded } from "./decode.ts";
import type { Decoder } from "./decoder.ts";

export interface LoaderLimits {
  /** Fetches at once. */
  fetchesMax: number;
  /** Inflated bytes of chunks that are kept although nobody wants them now. */
  keptBytesMax: number;
  /** Wait before a chunk that could not be reached is tried again. */
  retryMs: number;
}

export const LOADER_LIMITS: LoaderLimits = {
  fetchesMax: 6,
  // As objects, events weigh some three times their text.
  keptBytesMax: 32 * 1024 * 1024,
  retryMs: 4_000,
};

export interface LoaderEvents {
  /** A chunk is ready. */
  onready(name: string, decoded: Decoded): void;
  /** A chunk will never be ready: it is gone, or broken. */
  onlost(name: string, error: Error): void;
  /** No chunk can be had any more. */
  onrefused(error: SourceError): void;
  /** {@link Loader.trouble} has changed. */
  ontrouble(): void;
}

/**
 * Keeps the chunks that are wanted, fetching them in the order of importance.
 *
 * A fetch that is no longer wanted is cancelled. A chunk that cannot be reached is tried again for as long as it is wanted.
 */
export class Loader {
  readonly #fetch: (name: string, signal: AbortSignal) => Promise<Packed>;
  readonly #decoder: Pick<Decoder, "decode" | "close">;
  readonly #events: LoaderEvents;
  readonly #limits: LoaderLimits;
  /** In the order of last use, the latest at the end. */
  readonly #ready = new Map<string, Decoded>();
  readonly #running = new Map<string, AbortController>();
  readonly #lost = new Set<string>();
  readonly #waits = new Map<string, ReturnType<typeof setTimeout>>();
  #wanted: readonly string[] = [];
  /** How many of them, at the front, come before the others are begun with. */
  #urgent = 0;
  #closed = false;

  /** Fetches begun, also of chunks fetched again. */
  fetches = 0;
  /** Compressed bytes received. */
  bytes = 0;
  /** Why the chunk that is wanted most cannot be had at present, or null. */
  trouble: Error | null = null;

  constructor(
    fetch: (name: string, signal: AbortSignal) => Promise<Packed>,
    decoder: Pick<Decoder, "decode" | "close">,
    events: LoaderEvents,
    limits: LoaderLimits = LOADER_LIMITS,
  ) {
    this.#fetch = fetch;
    this.#decoder = decoder;
    this.#events = events;
    this.#limits = limits;
  }

  /** Sets which chunks are wanted, the most urgent first. As long as one of the first `urgent` is not there, no fetch of another begins. */
  want(names: readonly string[], urgent = 0): void {
    if (
      urgent === this.#urgent &&
      names.length === this.#wanted.length &&
      names.every((name, index) => name === this.#wanted[index])
    )
      return;
    this.#wanted = names;
    this.#urgent = urgent;
    const wanted = new Set(names);
    for (const [name, controller] of this.#running) if (!wanted.has(name)) controller.abort();
    for (const [name, wait] of this.#waits) {
      if (wanted.has(name)) continue;
      clearTimeout(wait);
      this.#waits.delete(name);
    }
    if (this.#waits.size === 0) this.#setTrouble(null);
    for (const name of names) {
      const decoded = this.#ready.get(name);
      if (decoded === undefined) continue;
      this.#ready.delete(name);
      this.#ready.set(name, decoded);
    }
    this.#release(wanted);
    this.#startNext();
  }

  get(name: string): Decoded | undefined {
    return this.#ready.get(name);
  }

  /** Events in memory. */
  get eventsHeld(): number {
    let held = 0;
    for (const { events } of this.#ready.values()) held += events.length;
    return held;
  }

  /** Tries at once what could not be reached, for instance because the network is back. */
  retry(): void {
    for (const wait of this.#waits.values()) clearTimeout(wait);
    this.#waits.clear();
    this.#startNext();
  }

  close(): void {
    this.#closed = true;
    this.want([]);
    this.#decoder.close();
  }

  #startNext(): void {
    const waits = this.#wanted
      .slice(0, this.#urgent)
      .some((name) => !this.#ready.has(name) && !this.#lost.has(name));
    for (const name of waits ? this.#wanted.slice(0, this.#urgent) : this.#wanted) {
      if (this.#closed || this.#running.size >= this.#limits.fetchesMax) return;
      if (
        this.#ready.has(name) ||
        this.#running.has(name) ||
        this.#lost.has(name) ||
        this.#waits.has(name)
      )
        continue;
      void this.#load(name);
    }
  }

  async #load(name: string): Promise<void> {
    const controller = new AbortController();
    this.#running.set(name, controller);
    this.fetches++;
    try {
      const packed = await this.#fetch(name, controller.signal);
      this.bytes += packed.body.byteLength;
      const decoded = await this.#decoder.decode(packed);
      this.#running.delete(name);
      if (this.#closed) return;
      this.#ready.set(name, decoded);
      this.#setTrouble(null);
      this.#release(new Set(this.#wanted));
      this.#events.onready(name, decoded);
    } catch (error) {
      this.#running.delete(name);
      if (!controller.signal.aborted && !this.#closed) this.#fail(name, asError(error));
    }
    this.#startNext();
  }

  #fail(name: string, error: Error): void {
    if (
      error instanceof SourceError &&
      (error.kind === "unauthorized" || error.kind === "forbidden")
    ) {
      this.want([]);
      this.#events.onrefused(error);
    } else if (error instanceof SourceError && error.passes) {
      const wait = setTimeout(() => {
        this.#waits.delete(name);
        this.#startNext();
      }, this.#limits.retryMs);
      this.#waits.set(name, wait);
      this.#setTrouble(error);
    } else {
      this.#lost.add(name);
      this.#events.onlost(name, error);
    }
  }

  #setTrouble(error: Error | null): void {
    if (this.trouble === error) return;
    this.trouble = error;
    this.#events.ontrouble();
  }

  /** Lets go of what was wanted longest ago, beyond the limit. */
  #release(wanted: ReadonlySet<string>): void {
    let kept = 0;
    for (const [name, decoded] of [...this.#ready].reverse()) {
      if (wanted.has(name)) continue;
      kept += decoded.inflatedBytes;
      if (kept > this.#limits.keptBytesMax) this.#ready.delete(name);
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
