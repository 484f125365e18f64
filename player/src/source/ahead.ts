import { chunkName } from "../session/manifest.ts";
import { modelOf, timeOf } from "../session/model.ts";
import { pageAt, plan } from "../session/plan.ts";
import type { Moment, Packed, Source, View } from "./source.ts";

/** No more is asked for before anybody wants it. */
const AHEAD_MAX = 6;

/** A session of which the view, and the chunks that show the first moment, are asked for before anybody wants them: while the player itself loads. */
export class AheadSource implements Source {
  readonly #source: Source;
  #view: Promise<View> | null;
  readonly #chunks = new Map<string, { packed: Promise<Packed>; stop: AbortController }>();

  /** Begins at once. `at` is the moment that will be asked for first. */
  constructor(source: Source, at: Moment) {
    this.#source = source;
    this.#view = source.view(at, new AbortController().signal);
    // Who takes the view hears of its failure.
    this.#view.then(
      (view) => this.#ask(chunksAt(view, at)),
      () => {},
    );
  }

  view(at: Moment, signal: AbortSignal): Promise<View> {
    const begun = this.#view;
    this.#view = null;
    return begun ?? this.#source.view(at, signal);
  }

  chunk(name: string, signal: AbortSignal): Promise<Packed> {
    const begun = this.#chunks.get(name);
    if (begun === undefined) return this.#source.chunk(name, signal);
    this.#chunks.delete(name);
    signal.addEventListener("abort", () => begun.stop.abort(signal.reason));
    return begun.packed;
  }

  tape(signal: AbortSignal): Promise<Blob | null> {
    return this.#source.tape?.(signal) ?? Promise.resolve(null);
  }

  #ask(names: readonly string[]): void {
    for (const name of names) {
      const stop = new AbortController();
      const packed = this.#source.chunk(name, stop.signal);
      // Who takes the chunk hears of its failure.
      packed.catch(() => {});
      this.#chunks.set(name, { packed, stop });
    }
  }
}

/** The names of what shows a moment, and of what must be read to know the session's times. */
function chunksAt({ manifest, newer }: View, at: Moment): string[] {
  const names = newer.map(({ page, seq, hash }) => chunkName(page, seq, hash));
  const model = modelOf(manifest, [], new Set());
  const page = model && pageAt(model, timeOf(model, at));
  if (model !== null && page !== null)
    names.unshift(...plan(model, page, timeOf(model, at), { ms: 0, chunksMax: 0 }).needed);
  return names.slice(0, AHEAD_MAX);
}
