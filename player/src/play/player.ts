import type { Entries } from "../entries/entries.ts";
import type { Decoded } from "../load/decode.ts";
import type { Decoder } from "../load/decoder.ts";
import { Loader } from "../load/loader.ts";
import { type Idle, idleAt, idleStretches } from "../session/idle.ts";
import {
  type ChunkRef,
  type ColorScheme,
  chunkName,
  type Manifest,
  type NewerChunk,
} from "../session/manifest.ts";
import { type LearnedChunk, modelOf, timeOf } from "../session/model.ts";
import { type Hole, holesOf, nextChange, type Plan, pageAt, plan } from "../session/plan.ts";
import { inTab } from "../session/tabs.ts";
import { type Moment, type Source, SourceError } from "../source/source.ts";
import type { Piece } from "./pieces.ts";
import type { Stage } from "./stage.ts";
import { stepFrom } from "./steps.ts";

/**
 * - `opening`: the session is being asked for.
 * - `waiting`: nothing of it has arrived yet, which may change any second.
 * - `failed`: see `error`.
 * - `loading`: the moment's chunks are not there yet. `wanting` tells whether it plays once they are.
 * - `paused`, `playing`: the picture is that of `timeMs`.
 * - `ended`: paused at the end.
 */
export type Status = "opening" | "waiting" | "failed" | "loading" | "paused" | "playing" | "ended";

export interface State {
  status: Status;
  error: Error | null;
  /** Whether it plays, or would if it could. */
  wanting: boolean;
  manifest: Manifest | null;
  /** Unix milliseconds. 0 until the session is there. */
  timeMs: number;
  page: string | null;
  /** Holes of all pages. */
  holes: Hole[];
  /** The hole that the moment lies in, if any. */
  inHole: Hole | null;
  /** Something between the checkpoint and the moment is missing, or could not be shown. */
  incomplete: boolean;
  /** The page has no checkpoint: there is nothing to show of it. */
  blank: boolean;
  /** The last jump over a hole or an idle stretch: for a moment, so that it can be told. */
  skipped: Skipped | null;
  /** Stretches in which the visitor did nothing. */
  idle: Idle[];
  skipsIdle: boolean;
  /** The tab whose pages alone are shown, or null: the one with which the visitor was last. */
  tab: string | null;
  /** Whether the session may still grow. */
  live: boolean;
  /** What is ready to play, of all pages. */
  loaded: { fromMs: number; toMs: number }[];
  /** Compressed bytes that the moment needs, and how many of them are there. */
  progress: { have: number; need: number };
  /** Why loading does not get on. */
  trouble: Error | null;
  chunksFetched: number;
  bytesFetched: number;
  /** Events in memory. */
  eventsHeld: number;
  speed: number;
}

export interface Skipped {
  what: "hole" | "idle";
  fromMs: number;
  toMs: number;
}

/** How far is loaded ahead: a little while paused, so that opening a moment costs little; more while playing, by the speed. */
const LOOKAHEAD = { pausedMs: 5_000, playingMs: 20_000, chunksMax: 6 };
/** A session whose last event is younger may grow. The recorder sends at least every minute. */
const LIVE_MS = 120_000;
const POLL_MS = 5_000;
const SKIPPED_SHOWN_MS = 4_000;

/** Plays one session. Knows nothing of the DOM but the element that the {@link Stage} lives in. */
export class Player {
  readonly #source: Source;
  readonly #decoder: Decoder;
  readonly #loader: Loader;
  readonly #stage: Stage;
  readonly #entries: Entries;
  readonly #onchange: (state: State) => void;
  readonly #closed = new AbortController();
  readonly #session: { startMs: number };

  #manifest: Manifest | null = null;
  #newer: NewerChunk[] = [];
  readonly #learned = new Map<string, LearnedChunk>();
  readonly #lost = new Set<string>();
  /** The edge's clock minus ours. */
  #clockMs = 0;
  #model: Manifest | null = null;
  /** What of the model may be shown: all of it, or one tab. */
  #shown: Manifest | null = null;
  #tab: string | null = null;
  #holes: Hole[] = [];
  #idle: Idle[] = [];
  #skipsIdle = false;

  #status: Status = "opening";
  #error: Error | null = null;
  #wanting = false;
  #timeMs = 0;
  /** Where the link leads to, until that is known and reached. */
  #target: Moment | null;
  #plan: Plan | null = null;
  #pieces: readonly Piece[] = [];
  #loaded: State["loaded"] = [];
  #progress: State["progress"] = { have: 0, need: 0 };
  #speed = 1;
  #skipped: { skipped: Skipped; untilMs: number } | null = null;
  /** When {@link #advance} next has something to decide. */
  #nextMs = Number.NEGATIVE_INFINITY;
  #frame = 0;
  #poll: ReturnType<typeof setTimeout> | undefined;

  constructor(
    source: Source,
    decoder: Decoder,
    stage: Stage,
    options: {
      sessionStartMs: number;
      at: Moment;
      /** Learns what the chunks tell beside the picture. */
      entries: Entries;
      onchange: (state: State) => void;
    },
  ) {
    this.#source = source;
    this.#decoder = decoder;
    this.#stage = stage;
    this.#session = { startMs: options.sessionStartMs };
    this.#target = options.at;
    this.#entries = options.entries;
    this.#onchange = options.onchange;
    this.#loader = new Loader((name, signal) => source.chunk(name, signal), decoder, {
      onready: (name, decoded) => this.#ready(name, decoded),
      onlost: (name) => {
        this.#lost.add(name);
        this.#remodel();
      },
      onrefused: (error) => this.#fail(error),
      ontrouble: () => this.#publish(),
    });
    // A hidden tab draws no frames: rrweb would catch up with one leap.
    document.addEventListener("visibilitychange", () => this.#update(), {
      signal: this.#closed.signal,
    });
  }

  /** Asks for the session, and again for as long as it may grow. */
  async open(): Promise<void> {
    clearTimeout(this.#poll);
    try {
      const at = this.#target ?? Math.round(this.#timeMs);
      const asked = this.#source.view(at, this.#closed.signal);
      this.#stage.warm();
      const view = await asked;
      this.#decoder.prepare(view.coding);
      this.#clockMs = view.nowMs - Date.now();
      this.#manifest = view.manifest;
      this.#newer = view.newer;
      this.#error = null;
      if (this.#status === "waiting" || this.#status === "failed") this.#status = "opening";
      this.#remodel();
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      const failure = error instanceof Error ? error : new Error(String(error));
      if (
        failure instanceof SourceError &&
        failure.kind === "not_found" &&
        this.#young(this.#session.startMs)
      ) {
        this.#status = "waiting";
      } else if (this.#model === null || (failure instanceof SourceError && !failure.passes)) {
        this.#fail(failure);
        return;
      }
      // A session that already plays goes on with what is known of it.
    }
    this.#publish();
    if (this.#live()) this.#poll = setTimeout(() => this.#pollWhenSeen(), POLL_MS);
  }

  play(): void {
    if (this.#model === null || this.#wanting) return;
    this.#wanting = true;
    this.#target = null;
    if (this.#status === "ended") this.#timeMs = this.#model.started_ms;
    this.#update();
    this.#tick();
  }

  pause(): void {
    this.#wanting = false;
    cancelAnimationFrame(this.#frame);
    if (this.#stage.playing) {
      this.#timeMs = this.#bounded(this.#stage.timeMs);
      this.#stage.pause();
    }
    this.#update();
  }

  toggle(): void {
    if (this.#wanting) this.pause();
    else this.play();
  }

  /** Goes to a moment, in Unix milliseconds. What is fetched for another one is cancelled. */
  seek(timeMs: number): void {
    if (this.#model === null) return;
    this.#stage.pause();
    this.#skipped = null;
    this.#target = null;
    this.#timeMs = this.#bounded(timeMs);
    this.#update();
    if (this.#wanting) this.#tick();
  }

  /** Shows a moment if that costs no request. */
  scrub(timeMs: number): void {
    if (this.#model === null) return;
    const time = this.#bounded(timeMs);
    const shown = this.#shown as Manifest;
    const page = pageAt(shown, time);
    if (page === null) return;
    const { needed } = plan(shown, page, time, { ms: 0, chunksMax: 0 });
    if (needed.every((name) => this.#loader.get(name) !== undefined)) this.seek(time);
  }

  setSpeed(speed: number): void {
    this.#speed = speed;
    this.#stage.setSpeed(speed);
    this.#nextMs = Number.NEGATIVE_INFINITY;
    this.#update();
  }

  /** Goes to the next event, or the last one before. */
  step(direction: 1 | -1): void {
    if (this.#shown === null) return;
    this.pause();
    this.seek(stepFrom(this.#shown, this.#pieces, Math.round(this.#timeMs), direction));
  }

  setSkipsIdle(skips: boolean): void {
    this.#skipsIdle = skips;
    this.#update();
    this.#publish();
  }

  setTrail(trail: boolean): void {
    this.#stage.setTrail(trail);
  }

  /** Which colours the visitor preferred at the moment that is shown. */
  setColorScheme(scheme: ColorScheme): void {
    this.#stage.setColorScheme(scheme);
  }

  /** Shows the pages of one tab only, or with null of that with which the visitor was last. */
  setTab(tab: string | null): void {
    this.#stage.pause();
    this.#tab = tab;
    this.#remodel();
  }

  /** Entries were read that no chunk of the player's brought. */
  learn(): void {
    this.#findIdle();
    this.#publish();
  }

  /** Tries at once what failed. */
  retry(): void {
    this.#loader.retry();
    if (this.#status === "failed" || this.#status === "waiting") {
      this.#status = "opening";
      this.#publish();
    }
    void this.open();
  }

  close(): void {
    this.#closed.abort();
    clearTimeout(this.#poll);
    cancelAnimationFrame(this.#frame);
    this.#loader.close();
    this.#stage.clear();
  }

  #pollWhenSeen(): void {
    if (document.visibilityState === "visible") {
      void this.open();
      return;
    }
    const again = () => {
      if (document.visibilityState === "hidden") return;
      document.removeEventListener("visibilitychange", again);
      void this.open();
    };
    document.addEventListener("visibilitychange", again, { signal: this.#closed.signal });
  }

  #fail(error: Error): void {
    this.#error = error;
    this.#status = "failed";
    this.#wanting = false;
    cancelAnimationFrame(this.#frame);
    this.#stage.pause();
    this.#publish();
  }

  #ready(name: string, { summary, index, inflatedBytes }: Decoded): void {
    if (!this.#entries.has(name)) {
      this.#entries.add(name, index);
      this.#findIdle();
    }
    const newer = this.#newer.find((ref) => refName(ref) === name);
    if (newer === undefined || this.#learned.has(name)) {
      this.#update();
      return;
    }
    this.#learned.set(name, { ...newer, inflatedBytes, summary });
    this.#remodel();
  }

  /** What is known of the session has changed. */
  #remodel(): void {
    this.#model = modelOf(this.#manifest, [...this.#learned.values()], this.#lost);
    this.#shown = this.#model && inTab(this.#model, this.#tab);
    this.#holes = (this.#model?.pages ?? []).flatMap(holesOf);
    this.#findIdle();
    this.#nextMs = Number.NEGATIVE_INFINITY;
    const unlearned = this.#unlearned();
    if (this.#model === null) {
      // All that there is may be newer than the manifest: then its chunks tell the times.
      this.#loader.want(unlearned);
      if (unlearned.length === 0)
        this.#fail(new SourceError("unreadable", "none of the session's chunks can be read"));
      return;
    }
    if (this.#target !== null) {
      this.#timeMs = timeOf(this.#model, this.#target);
      if (unlearned.length === 0) this.#target = null;
    }
    this.#update();
  }

  #unlearned(): string[] {
    return this.#newer
      .map(refName)
      .filter((name) => !this.#learned.has(name) && !this.#lost.has(name));
  }

  /** Plans for the present moment, and shows or plays it if everything is there. */
  #update(): void {
    const model = this.#model;
    if (model === null || this.#status === "failed") return;
    if (this.#stage.playing) this.#timeMs = this.#bounded(this.#stage.timeMs);
    if (this.#wanting) this.#leave();
    const shown = this.#shown as Manifest;
    const page = pageAt(shown, this.#timeMs) as string;
    let next = this.#planned(shown, page);
    if (next.showsMs !== null && next.showsMs > this.#timeMs) {
      this.#timeMs = next.showsMs;
      next = this.#planned(shown, page);
    }
    this.#plan = next;
    this.#nextMs = Math.min(
      nextChange(shown, this.#timeMs),
      this.#timeMs + 1_000 * this.#speed,
      this.#skipsIdle
        ? (this.#idle.find(({ fromMs }) => fromMs > this.#timeMs)?.fromMs ?? Infinity)
        : Infinity,
    );
    this.#loader.want([...next.needed, ...next.ahead, ...this.#unlearned()], next.needed.length);
    this.#pieces = this.#available(next);
    this.#measure(model, next);
    try {
      this.#present(model, page, next);
    } catch (cause) {
      this.#giveUp(next, cause);
      return;
    }
    this.#publish();
  }

  /** What cannot be shown is as if it were lost: a hole. */
  #giveUp({ needed }: Plan, cause: unknown): void {
    this.#stage.clear();
    if (needed.length === 0) {
      this.#fail(new Error("the recording cannot be shown", { cause }));
      return;
    }
    for (const name of needed) this.#lost.add(name);
    this.#remodel();
  }

  #present(model: Manifest, page: string, { needed }: Plan): void {
    if (this.#pieces.length < needed.length) {
      this.#stage.pause();
      // The page is built while what changed since is on its way.
      const [first] = this.#pieces;
      if (first !== undefined) this.#stage.prepare(page, first, this.#timeMs);
      this.#status = "loading";
    } else if (this.#timeMs >= model.ended_ms - 1) {
      this.#stage.show(page, this.#pieces, this.#timeMs);
      // A live session goes on as soon as there is more.
      if (!this.#live()) this.#wanting = false;
      this.#status = this.#wanting ? "loading" : this.#live() ? "paused" : "ended";
    } else if (this.#wanting && document.visibilityState === "visible") {
      if (!this.#stage.playing || !this.#stage.has(page, this.#pieces)) {
        this.#stage.play(page, this.#pieces, this.#timeMs);
      }
      this.#status = "playing";
    } else {
      this.#stage.show(page, this.#pieces, this.#timeMs);
      this.#status = "paused";
    }
  }

  #planned(model: Manifest, page: string): Plan {
    const ms = this.#wanting
      ? LOOKAHEAD.playingMs * Math.max(1, this.#speed / 2)
      : LOOKAHEAD.pausedMs;
    return plan(model, page, this.#timeMs, { ms, chunksMax: LOOKAHEAD.chunksMax });
  }

  /** What of the plan is there without a gap: later pieces would be applied to a picture they do not belong to. */
  #available({ page, needed, ahead }: Plan): Piece[] {
    const pieces: Piece[] = [];
    for (const name of [...needed, ...ahead.filter((name) => name.startsWith(`${page}-`))]) {
      const decoded = this.#loader.get(name);
      if (decoded === undefined) break;
      pieces.push({ name, events: decoded.events });
    }
    return pieces;
  }

  /** Playing does not wait through what is missing, nor, if that is wished, through what is idle. */
  #leave(): void {
    const hole = this.#holeAt(this.#timeMs);
    const idle = this.#skipsIdle ? idleAt(this.#idle, this.#timeMs) : null;
    const left = hole ?? idle;
    if (left === null) return;
    this.#stage.pause();
    const skipped: Skipped = {
      what: hole === null ? "idle" : "hole",
      fromMs: hole === null ? this.#timeMs : left.fromMs,
      toMs: left.toMs,
    };
    this.#timeMs = left.toMs;
    this.#skipped = { skipped, untilMs: performance.now() + SKIPPED_SHOWN_MS };
  }

  #findIdle(): void {
    this.#idle =
      this.#model === null
        ? []
        : idleStretches(this.#model, (chunk) => this.#entries.activity(chunk));
  }

  #holeAt(timeMs: number): Hole | null {
    if (this.#shown === null) return null;
    const page = pageAt(this.#shown, timeMs);
    const pages = this.#shown.pages;
    // Where a page load is lost as a whole, what is shown is the one before, which had ended.
    const over = (pages.find((known) => known.page === page)?.last_ms ?? timeMs) < timeMs;
    const lost = (hole: Hole) =>
      over && pages.some(({ page, chunks }) => page === hole.page && chunks.length === 0);
    return (
      this.#holes.find(
        (hole) => (hole.page === page || lost(hole)) && hole.fromMs < timeMs && timeMs < hole.toMs,
      ) ?? null
    );
  }

  #tick(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      if (!this.#wanting) return;
      const time = this.#stage.playing ? this.#bounded(this.#stage.timeMs) : this.#timeMs;
      const ended = this.#model !== null && time >= this.#model.ended_ms - 1;
      if (time >= this.#nextMs || (ended && this.#status === "playing")) {
        this.#update();
      } else {
        this.#timeMs = time;
        this.#publish();
      }
      if (this.#wanting) this.#tick();
    });
  }

  #measure(model: Manifest, { needed }: Plan): void {
    this.#loaded = [];
    this.#progress = { have: 0, need: 0 };
    for (const { page, chunks } of model.pages) {
      for (const { seq, hash, bytes, first_ms, last_ms } of chunks) {
        const name = chunkName(page, seq, hash);
        const ready = this.#loader.get(name) !== undefined;
        if (ready) this.#loaded.push({ fromMs: first_ms, toMs: last_ms });
        if (!needed.includes(name)) continue;
        this.#progress.need += bytes;
        if (ready) this.#progress.have += bytes;
      }
    }
  }

  #live(): boolean {
    if (this.#status === "waiting" || this.#unlearned().length > 0) return true;
    return this.#model !== null && this.#young(this.#model.ended_ms + (this.#model.skew_ms ?? 0));
  }

  #young(ms: number): boolean {
    return Date.now() + this.#clockMs - ms < LIVE_MS;
  }

  #bounded(timeMs: number): number {
    return this.#model === null ? timeMs : timeOf(this.#model, timeMs);
  }

  #publish(): void {
    if (this.#skipped !== null && performance.now() > this.#skipped.untilMs) this.#skipped = null;
    this.#onchange({
      status: this.#status,
      error: this.#error,
      wanting: this.#wanting,
      manifest: this.#model,
      timeMs: Math.round(this.#timeMs),
      page: this.#plan?.page ?? null,
      holes: this.#holes,
      inHole: this.#holeAt(this.#timeMs),
      incomplete: this.#stage.lacks || (this.#plan?.holes.length ?? 0) > 0,
      blank: this.#plan !== null && this.#plan.showsMs === null,
      skipped: this.#skipped?.skipped ?? null,
      idle: this.#idle,
      skipsIdle: this.#skipsIdle,
      tab: this.#tab,
      live: this.#live(),
      loaded: this.#loaded,
      progress: this.#progress,
      trouble: this.#loader.trouble,
      chunksFetched: this.#loader.fetches,
      bytesFetched: this.#loader.bytes,
      eventsHeld: this.#loader.eventsHeld,
      speed: this.#speed,
    });
  }
}

function refName(ref: ChunkRef): string {
  return chunkName(ref.page, ref.seq, ref.hash);
}
