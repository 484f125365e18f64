import { Replayer } from "@rrweb/replay";
import { EventType, type eventWithTime, IncrementalSource, MouseInteractions } from "@rrweb/types";
import type { ColorScheme } from "../session/manifest.ts";
import { isDoneDirectly } from "./effort.ts";
import { continues, joined, type Piece, samePieces } from "./pieces.ts";

/**
 * One rrweb `Replayer`, given a page load's events piece by piece.
 *
 * - It is created with two stub events, at the Unix epoch and long after any session, so that rrweb's offsets are Unix milliseconds and it never
 *   believes that it has finished.
 * - Pieces go into the private `service.state.context.events`; `addEvent` would apply an event that lies before the current moment at once.
 *   The dependency is pinned, and test/playback.test.ts fails if the field goes.
 * - An event at which rrweb throws is left out: {@link lacks} tells so. The private methods that apply one are wrapped for it.
 * - `UNSAFE_replayCanvas` is never set: it lets a recording run scripts.
 */
export class Stage {
  readonly #root: HTMLElement;
  readonly #onresize: (width: number, height: number) => void;
  #replayer: Replayer | null = null;
  /** Made before there is anything to show. */
  #spare: Replayer | null = null;
  #page: string | null = null;
  #pieces: readonly Piece[] = [];
  #speed = 1;
  #trail = false;
  #colorScheme: ColorScheme = "light";
  #playing = false;
  #lacks = false;
  /** The moment that is on the stage, while it does not play. */
  #atMs = 0;

  constructor(root: HTMLElement, onresize: (width: number, height: number) => void) {
    this.#root = root;
    this.#onresize = onresize;
  }

  /** Whether it holds exactly these pieces of this page. */
  has(page: string, pieces: readonly Piece[]): boolean {
    return this.#page === page && samePieces(this.#pieces, pieces);
  }

  get playing(): boolean {
    return this.#playing;
  }

  /** Whether an event since the last checkpoint could not be shown. */
  get lacks(): boolean {
    return this.#lacks;
  }

  /** The moment that is shown, in Unix milliseconds. */
  get timeMs(): number {
    return this.#playing && this.#replayer !== null ? this.#replayer.getCurrentTime() : this.#atMs;
  }

  /** Makes what will show the first page, while that is on its way. */
  warm(): void {
    if (this.#replayer === null) this.#spare ??= this.#create();
  }

  /** Shows the last checkpoint that `first` has up to `timeMs`, unless it holds `first` already: what comes then is little. */
  prepare(page: string, first: Piece, timeMs: number): void {
    if (this.#page === page && this.#pieces[0]?.name === first.name) return;
    const checkpoint = first.events.findLast(
      ({ type, timestamp }) => type === EventType.FullSnapshot && timestamp <= timeMs,
    );
    if (checkpoint !== undefined) this.show(page, [first], checkpoint.timestamp);
  }

  /** Shows `page` at `timeMs`, from pieces that begin with a checkpoint at or before it, and waits there. */
  show(page: string, pieces: readonly Piece[], timeMs: number): void {
    if (!this.#playing && this.#atMs === timeMs && this.has(page, pieces)) return;
    const wasAtMs = this.timeMs;
    const previous = this.#take(page, pieces);
    this.#playing = false;
    this.#atMs = timeMs;
    this.#choose(previous === null, wasAtMs, timeMs);
    try {
      this.#replayer?.pause(offset(timeMs));
    } finally {
      previous?.destroy();
    }
  }

  /** Plays `page` from `timeMs` on. The pieces may end before the page does: more can be given by playing again. */
  play(page: string, pieces: readonly Piece[], timeMs: number): void {
    const wasAtMs = this.timeMs;
    const previous = this.#take(page, pieces);
    this.#playing = true;
    this.#choose(previous === null, wasAtMs, timeMs);
    try {
      this.#replayer?.play(offset(timeMs));
    } finally {
      previous?.destroy();
    }
  }

  /** Stops where it is. */
  pause(): void {
    if (!this.#playing) return;
    this.#atMs = this.timeMs;
    this.#playing = false;
    this.#replayer?.pause();
  }

  setSpeed(speed: number): void {
    this.#speed = speed;
    this.#replayer?.setConfig({ speed });
  }

  /** Whether the pointer leaves a trail. */
  setTrail(trail: boolean): void {
    this.#trail = trail;
    this.#replayer?.setConfig({ mouseTail: trail && TRAIL });
  }

  /** What the page's `prefers-color-scheme` is. */
  setColorScheme(scheme: ColorScheme): void {
    this.#colorScheme = scheme;
    if (this.#replayer !== null) this.#replayer.iframe.style.colorScheme = scheme;
  }

  clear(): void {
    this.#spare?.destroy();
    this.#spare = null;
    this.#replayer?.destroy();
    this.#replayer = null;
    this.#page = null;
    this.#pieces = [];
    this.#playing = false;
    this.#lacks = false;
  }

  /** Puts the pieces in place. Returns the replayer that is no longer needed once the new one shows something. */
  #take(page: string, pieces: readonly Piece[]): Replayer | null {
    const previous = this.#replayer;
    const same = previous !== null && this.#page === page;
    if (same && samePieces(this.#pieces, pieces)) return null;
    const replayer = same && continues(this.#pieces, pieces) ? previous : this.#fresh();
    const events = replayer.service.state.context.events;
    const last = events.pop() as eventWithTime;
    events.length = 1;
    for (const event of joined(pieces)) events.push(event);
    events.push(last);
    if (pieces.some((piece) => piece.events.some(isTouch))) {
      replayer.wrapper.querySelector(".replayer-mouse")?.classList.add("touch-device");
    }
    this.#replayer = replayer;
    this.#page = page;
    this.#pieces = pieces;
    return replayer === previous ? null : previous;
  }

  /** How rrweb gets to a moment: on from where it was, or from the checkpoint. */
  #choose(goesOn: boolean, wasAtMs: number, timeMs: number): void {
    const fromMs = goesOn && wasAtMs <= timeMs ? wasAtMs : 0;
    this.#replayer?.setConfig({ useVirtualDom: !isDoneDirectly(this.#pieces, fromMs, timeMs) });
  }

  #fresh(): Replayer {
    const spare = this.#spare;
    if (spare === null) return this.#create();
    this.#spare = null;
    spare.setConfig({ speed: this.#speed, mouseTail: this.#trail && TRAIL });
    spare.iframe.style.colorScheme = this.#colorScheme;
    return spare;
  }

  #create(): Replayer {
    const replayer = new Replayer([stub(0), stub(FAR_MS)], {
      root: this.#root,
      speed: this.#speed,
      showWarning: false,
      // The keyboard belongs to the player.
      triggerFocus: false,
      mouseTail: this.#trail && TRAIL,
    });
    // A framed document's prefers-color-scheme is the frame's used scheme (https://drafts.csswg.org/css-color-adjust-1/#color-scheme-effect).
    replayer.iframe.style.colorScheme = this.#colorScheme;
    replayer.iframe.title = "Recorded page";
    replayer.iframe.tabIndex = -1;
    // rrweb clears the nodes of a page that it rebuilds, not the sheets it adopted: they would stay when one goes back before them.
    replayer.on("fullsnapshot-rebuilded", () => {
      if (replayer.iframe.contentDocument !== null)
        replayer.iframe.contentDocument.adoptedStyleSheets = [];
    });
    const inner = replayer as unknown as Applies;
    const rebuild = inner.rebuildFullSnapshot.bind(replayer);
    inner.rebuildFullSnapshot = (...event) => {
      this.#lacks = false;
      this.#attempt(() => rebuild(...event));
    };
    const apply = inner.applyIncremental.bind(replayer);
    inner.applyIncremental = (...event) => this.#attempt(() => apply(...event));
    // What it throws at while it catches up with many events at once, it catches itself.
    inner.warn = (reason) => {
      if (reason instanceof Error) this.#lacks = true;
    };
    replayer.on("resize", (size) => {
      const { width, height } = size as { width: number; height: number };
      this.#onresize(width, height);
    });
    return replayer;
  }

  /** One bad event does not cost the others, nor stop rrweb's timer. */
  #attempt(apply: () => void): void {
    try {
      apply();
    } catch {
      this.#lacks = true;
    }
  }
}

/** What rrweb's `Replayer` applies an event with, and tells of what it could not apply. */
type Applies = Record<
  "rebuildFullSnapshot" | "applyIncremental" | "warn",
  (...given: unknown[]) => void
>;

const TRAIL = {
  duration: 600,
  lineCap: "round",
  lineWidth: 3,
  strokeStyle: "#e8743b",
} as const;

/** The year 2286: after any event, and still exact to the half millisecond. */
const FAR_MS = 1e13;

/** A moment includes its own events: rrweb applies what lies before the offset. */
function offset(timeMs: number): number {
  return timeMs + 0.5;
}

function stub(timestamp: number): eventWithTime {
  return { type: EventType.Custom, timestamp, data: { tag: "tapedeck.stub", payload: {} } };
}

function isTouch(event: eventWithTime): boolean {
  return (
    event.type === EventType.IncrementalSnapshot &&
    (event.data.source === IncrementalSource.TouchMove ||
      (event.data.source === IncrementalSource.MouseInteraction &&
        event.data.type === MouseInteractions.TouchStart))
  );
}
