/**
 * One page's recording from start to stop: what is captured goes into batches, batches go to the edge, and the session, the
 * sampling and the visitor's absence decide when there is any.
 */
import { Batch, PageStream } from "./batch.js";
import { watchActivity } from "./capture/activity.js";
import { isRelay } from "./capture/beyond.js";
import { ClickCapture } from "./capture/clicks.js";
import { watchConsole } from "./capture/console.js";
import { ContentRules } from "./capture/content.js";
import { Correlation } from "./capture/correlation.js";
import { watchDocument } from "./capture/document.js";
import { type DomCapture, mirror, recordDom } from "./capture/dom.js";
import { browserFacts, watchBrowser } from "./capture/environment.js";
import { ErrorCapture } from "./capture/errors.js";
import { KeyCapture } from "./capture/keys.js";
import { watchLongTasks } from "./capture/longtasks.js";
import { watchNavigation } from "./capture/navigation.js";
import { watchRequests } from "./capture/requests.js";
import { watchVisibility } from "./capture/visibility.js";
import { watchVitals } from "./capture/vitals.js";
import { numberIn, sessionMsMax } from "./config.js";
import { Delivery } from "./delivery.js";
import {
  CUSTOM,
  customEvent,
  type Effect,
  type Emit,
  FULL_SNAPSHOT,
  INCREMENTAL,
  META,
  type Payloads,
  type RecordedEvent,
  type Tag,
} from "./events.js";
import { type Guard, guardWith } from "./guard.js";
import { Gzip } from "./gzip.js";
import type { Call, Decision, Early, Host, Recording } from "./host.js";
import { whenIdle } from "./idle.js";
import { LastMinute } from "./lastminute.js";
import { noteLeftover, takeLeftover } from "./leftover.js";
import { fitsAny } from "./options.js";
import { type EventLine, eventLine, Pending } from "./pending.js";
import { Privacy } from "./privacy.js";
import { Quota } from "./quota.js";
import { FlushSchedule } from "./schedule.js";
import { endMs, IDLE_MS, type Session } from "./session.js";
import { type Settings, settingsOf } from "./settings.js";
import type { State, StateChange } from "./state.js";
import { OPT_OUT_KEY } from "./storage.js";
import { StormGate } from "./storm.js";
import { enterPage } from "./tab.js";
import { SDK } from "./version.js";

/** Uploads from one checkpoint to the next, so that a seek needs no more of them. */
const UPLOADS_PER_CHECKPOINT = 6;
/** Increments outweigh a snapshot when they are so many times as long; at one, a page that is drawn anew would be sent twice each time. */
const INCREMENTS_PER_SNAPSHOT = 2;
/** And from here on, in UTF-16 units, however small the page is. */
const INCREMENTS_CHARS_MIN = 200_000;
/** About what still fits into one `keepalive` request when it is compressed, a tenth of it as a rule. */
const BATCH_CHARS_MAX = 480_000;
/** Half of what an edge takes by default; a project that takes less answers 413, and the batch is halved. */
const EVENTS_MAX = 5_000;
/** Unless the project says otherwise. */
const FLUSH_FIRST_MS = 5_000;
const FLUSH_MAX_MS = 60_000;
/** A page that is hidden for so long is observed no longer until it is seen again. */
const HIDDEN_MS = 30_000;
/** After so long without the visitor, batches that only the page has filled are not sent. */
const AWAY_MS = 60_000;
/** In a tab's storage, once its page's policy has let no worker start: each further try would be reported to the site. */
const NO_WORKER_KEY = "tapedeck.noworker";
/** The visitor's activity is noted in storage this often at most. */
const TOUCH_MS = 10_000;
/** What says nothing that is worth an upload by itself. */
const BACKGROUND = new Set<Tag>([
  "tapedeck.request",
  "tapedeck.console",
  "tapedeck.longtask",
  "tapedeck.vital",
  "tapedeck.visibility",
]);
/** What is still recorded of a page that changes too fast for more. */
const ESSENTIAL = new Set<Tag>(["tapedeck.session", "tapedeck.error", "tapedeck.lost"]);
/** What rrweb's `IncrementalSource` says of the clicks before. */
const EFFECTS: Readonly<Record<number, Effect>> = {
  0: "mutation",
  3: "scroll",
  5: "input",
  8: "mutation",
  13: "mutation",
  14: "selection",
  15: "mutation",
};
const MUTATION = 0;
/** rrweb's `NodeType`. */
const ELEMENT = 2;
/** Stands for the pages before: what the edge says of their session says nothing of ours. */
const LEFTOVER = { session: { id: "" } } as unknown as PageStream;

export class Recorder implements Recording {
  private readonly guard: Guard = guardWith((error) => this.halt("error", "failure", error));
  private readonly emit: Emit = (tag, payload) => this.record(tag, payload);
  private readonly settings: Settings;
  private readonly privacy: Privacy;
  private readonly correlation: Correlation;
  private readonly gzip: Gzip;
  private readonly delivery: Delivery;
  private readonly errors: ErrorCapture;
  private readonly clicks: ClickCapture;
  private readonly keys: KeyCapture;
  private readonly pending = new Pending();
  private readonly quota = new Quota();
  private readonly storms = new StormGate();
  /** Where events go while nothing is known that makes the session worth keeping. */
  private lastMinute: LastMinute | undefined;
  private schedule: FlushSchedule;
  private state: State = "starting";
  private undo: (() => void)[] = [];
  /** Records what else waits for its end, since the page may be gone before. */
  private settle: (() => void)[] = [];
  private current: Session | undefined;
  /** What uploads are made of; no events are taken while there is none. */
  private stream: PageStream | undefined;
  private dom: DomCapture | undefined;
  private early: Early[] = [];
  /** What is known of the page's place in its tab. */
  private opening: Pick<Payloads["tapedeck.session"], "tab" | "previous_page"> | undefined;
  private readonly told: { identity?: Payloads["tapedeck.identify"]; attributes?: object } = {};
  private onlyErrors = false;
  /** Since when, and how much of, the DOM has not been recorded because it changed too fast. */
  private storm: { fromMs: number; timer: ReturnType<typeof setTimeout> | undefined } | undefined;
  private flushAtMs = Number.POSITIVE_INFINITY;
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private isHurried = false;
  /** Whether since the last upload there was anything that is worth one. */
  private isWorthSending = false;
  private hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  private sleepTimer: ReturnType<typeof setTimeout> | undefined;
  private wakeTimer: ReturnType<typeof setTimeout> | undefined;
  private activeMs = 0;
  private touchedMs = 0;
  /** UTF-16 units and elements of the last full snapshot and of all that was added since, be it still there or not. */
  private builtChars = 0;
  private builtElements = 1;
  /** UTF-16 units of all increments since, and at how many to look whether they outweigh a snapshot. */
  private incrementChars = 0;
  private weighAtChars = 0;
  private isCheckpointDue = false;

  /** Does nothing yet. */
  constructor(private readonly host: Host) {
    const { options, config, fetch, tab } = host;
    this.settings = settingsOf(options, config, (error) =>
      this.report({ state: this.state, reason: "failure", error }),
    );
    this.privacy = new Privacy(this.settings, mirror);
    this.correlation = new Correlation(() => this.stream?.session.id, this.settings.traceOrigins);
    this.errors = new ErrorCapture(
      (payload, atMs) => this.record("tapedeck.error", payload, atMs),
      this.privacy,
      (atMs) => this.correlation.traceAt(atMs),
    );
    this.clicks = new ClickCapture(this.emit, this.privacy, this.settings.effectMs);
    this.keys = new KeyCapture(this.emit, this.privacy);
    this.schedule = this.newSchedule();
    const url = `${options.edge}/v1/batches?key=${encodeURIComponent(options.key)}`;
    const isWorkerWanted = options.worker !== false && tab.get(NO_WORKER_KEY) === undefined;
    this.gzip = new Gzip(isWorkerWanted, () => tab.set(NO_WORKER_KEY, "1"));
    this.delivery = new Delivery(url, fetch, (text) => this.gzip.compress(text), {
      lost: (lost) => {
        this.record("tapedeck.lost", lost);
        // What follows the hole can be played again from here.
        if (lost.reason === "queue_full") this.checkpointSoon();
      },
      sessionEnded: (session, reason) => {
        if (session.id === this.current?.id) this.discard("not-sampled", reason);
      },
      sessionTooLong: (session) => {
        if (session.id !== this.current?.id) return;
        host.sessions.close(session);
        this.discard("paused", "session_too_long");
        this.wakeSoon();
      },
      stopped: (reason) => this.halt("stopped", reason),
      failed: (error) => this.halt("error", "failure", error),
    });
  }

  start(early: readonly Early[]): void {
    this.guard(() => this.startUnguarded(early))();
  }

  stop(): void {
    this.seal();
    this.end("stopped", "page");
  }

  abandon(): void {
    this.delivery.abandon();
    this.end("stopped", "page");
  }

  async flush(): Promise<void> {
    this.seal();
    await this.delivery.settled();
  }

  take(call: Call, atMs = Date.now()): void {
    switch (call.do) {
      case "identify":
        this.told.identity = { user: call.user, traits: call.traits, attributes: undefined };
        this.record("tapedeck.identify", this.told.identity, atMs);
        return;
      case "attributes":
        this.told.attributes = call.attributes;
        this.recordAttributes(atMs);
        return;
      case "track":
        this.record("tapedeck.custom", { name: call.name, properties: call.properties }, atMs);
        return;
      case "error":
        this.errors.caught(call.error, atMs);
        return;
      case "keep":
        this.keep({ ...call, buffered: false });
        return;
    }
  }

  get sessionId(): string | undefined {
    return this.state === "not-sampled" ? undefined : this.current?.id;
  }

  replayUrl(at: "now" | undefined): string | undefined {
    const { options, config } = this.host;
    const { sessionId } = this;
    if (!sessionId || !config.project || !options.player) return undefined;
    const moment = at === "now" ? `?at=${Date.now()}` : "";
    return `${options.player.replace(/\/+$/, "")}/#/sessions/${config.project}/${sessionId}${moment}`;
  }

  private startUnguarded(early: readonly Early[]): void {
    const { host } = this;
    if (isRelay(host.options)) {
      // The page around this one records what is in it, and decides about it.
      this.recordDom();
      this.change("recording", "frame");
      return;
    }
    this.listen();
    this.early = [...early];
    this.begin(host.startedMs);
    this.takeEarly();
  }

  private listen(): void {
    const { emit, guard, host, privacy, correlation } = this;
    const requests = watchRequests(
      emit,
      privacy,
      {
        edge: host.options.edge,
        correlation,
        content: new ContentRules(this.settings.network, privacy),
        begun: () => this.clicks.effect("request"),
      },
      guard,
    );
    this.undo = [
      this.errors.listen(guard),
      this.clicks.listen(guard),
      this.keys.listen(guard),
      watchConsole(emit, privacy, guard),
      () => requests.stop(),
      watchLongTasks(emit, guard),
      watchNavigation((from, to, kind) => this.navigated(from, to, kind), guard),
      watchActivity(() => this.active(), guard),
      watchBrowser(emit, guard),
      watchDocument(() => {
        this.unlisten();
        this.listen();
        this.restDom();
        this.wakeDom();
      }, guard),
      watchVisibility(
        emit,
        { hidden: () => this.hidden(), seen: () => this.wakeDom(), left: () => this.left() },
        guard,
      ),
    ];
    this.settle = [
      watchVitals(emit, privacy),
      () => requests.settle(),
      () => this.keys.settle(),
      () => this.clicks.settleAll(),
    ];
  }

  private unlisten(): void {
    for (const undo of this.undo.splice(0)) undo();
  }

  private takeEarly(): void {
    for (const one of this.early.splice(0)) {
      if ("call" in one) this.take(one.call, one.atMs);
      else this.errors.uncaught(one.event, one.atMs);
    }
  }

  /** Enters the session that is alive, or a new one, as a new page, and records it if it is to be. */
  private begin(startedMs = Date.now()): void {
    const nowMs = Date.now();
    this.activeMs = nowMs;
    this.touchedMs = nowMs;
    if (this.isExcluded(location.pathname)) {
      this.change("paused", "excluded_page");
      return;
    }
    const { session, decision } = this.host.enter(nowMs);
    this.current = session;
    if (decision === undefined) {
      this.change("not-sampled", "rate");
      return;
    }
    const { options, consent, tab } = this.host;
    const stream = new PageStream(session, decision, {
      ...(consent && { consent }),
      ...(options.segments && { segments: options.segments }),
    });
    this.stream = stream;
    this.lastMinute = decision.buffered ? new LastMinute() : undefined;
    if (!decision.buffered) this.host.sessions.keep(session, decision);
    for (const body of takeLeftover(tab)) this.delivery.add(Batch.leftover(LEFTOVER, body));
    const { id, previousPage } = enterPage(tab, stream.page);
    this.schedule = this.newSchedule(nowMs - session.startMs);
    this.change("recording", decision.buffered ? "buffer" : "session");
    // A session that started after the page was asked for cannot hold what was before it.
    this.opening = { tab: id, previous_page: previousPage };
    if (!decision.buffered) this.recordOpening(Math.max(startedMs, session.startMs));
    // Before the first snapshot, so that events are in the order of their times.
    this.takeEarly();
    this.recordDom();
    this.watchForSleep();
  }

  private newSchedule(ageMs?: number): FlushSchedule {
    const { recorder } = this.host.config;
    return new FlushSchedule(
      numberIn(recorder, "flush_first_ms", FLUSH_FIRST_MS),
      numberIn(recorder, "flush_max_ms", FLUSH_MAX_MS),
      ageMs,
    );
  }

  /** Records what every page begins with. */
  private recordOpening(atMs: number): void {
    if (this.opening === undefined) return;
    const { options } = this.host;
    this.record(
      "tapedeck.session",
      {
        ...this.opening,
        url: this.privacy.url(location.href),
        referrer: this.privacy.url(document.referrer),
        title: this.privacy.text(document.title),
        release: options.release,
        environment: options.environment,
        browser: browserFacts(),
        sdk: SDK,
      },
      atMs,
    );
    if (this.told.identity !== undefined)
      this.record("tapedeck.identify", this.told.identity, atMs);
    this.recordAttributes(atMs);
  }

  private recordAttributes(atMs: number): void {
    const attributes = this.told.attributes as Payloads["tapedeck.identify"]["attributes"];
    if (attributes !== undefined)
      this.record("tapedeck.identify", { user: undefined, traits: undefined, attributes }, atMs);
  }

  private recordDom(): void {
    const { stream } = this;
    const dom = recordDom(
      this.guard((event: RecordedEvent) => this.push(event)),
      (error) => this.report({ state: this.state, reason: "failure", error }),
      this.privacy,
      this.host.options,
    );
    // The first snapshot may itself have been what ended the recording.
    if (this.stream === stream && stream !== undefined && this.storm === undefined) this.dom = dom;
    else dom.stop();
  }

  private record<T extends Tag>(tag: T, payload: Payloads[T], atMs = Date.now()): void {
    if (this.stream === undefined || (this.onlyErrors && !ESSENTIAL.has(tag))) return;
    if (!this.quota.allows(tag, contentOf(tag, payload), Date.now())) return;
    this.push(customEvent(tag, payload, atMs));
    if (tag === "tapedeck.error") {
      this.keep({ reason: "error", buffered: false });
      this.flushIn(this.schedule.hurryMs, true);
    }
  }

  /** Takes an event that has been masked. */
  private push(event: RecordedEvent): void {
    if (this.stream === undefined) return;
    if (event.timestamp >= this.sleepAtMs) {
      this.sleep();
      return;
    }
    const line = eventLine(event);
    if (event.type === INCREMENTAL) {
      const effect = EFFECTS[event.data.source];
      if (effect !== undefined) this.clicks.effect(effect);
      if (event.data.source === MUTATION && this.weather(line, event.timestamp)) return;
    } else if (event.type === CUSTOM) {
      this.isWorthSending ||= !BACKGROUND.has(event.data.tag as Tag);
    }
    this.weigh(event, line.line);
    if (this.lastMinute !== undefined) {
      if (this.lastMinute.push(line)) this.checkpointSoon();
      return;
    }
    this.pending.push(line);
    const isFull = this.pending.chars >= BATCH_CHARS_MAX || this.pending.length >= EVENTS_MAX;
    if (event.type === META || !isFull) this.flushIn(this.schedule.waitMs);
    else if (event.timestamp < this.activeMs + AWAY_MS) this.seal();
    // Nobody is there to see what the page goes on to show.
    else this.restDom();
  }

  /** Counts what came since the last checkpoint, and asks for one when that outweighs what a snapshot would be now. */
  private weigh(event: RecordedEvent, { length }: string): void {
    if (event.type === FULL_SNAPSHOT) {
      this.builtChars = length;
      this.builtElements = countElements();
      this.incrementChars = 0;
      this.weighAtChars = INCREMENTS_CHARS_MIN;
    } else if (event.type === INCREMENTAL) {
      this.incrementChars += length;
      const { data } = event;
      if (data.source === MUTATION && data.adds.length > 0) {
        this.builtChars += length;
        this.builtElements += data.adds.filter(({ node }) => node.type === ELEMENT).length;
      }
      if (this.incrementChars <= this.weighAtChars) return;
      const isThere = Math.min(1, countElements() / this.builtElements);
      const limit = this.builtChars * isThere * INCREMENTS_PER_SNAPSHOT;
      if (this.incrementChars > limit) this.checkpointSoon();
      else this.weighAtChars = limit;
    }
  }

  /** Whether the DOM changes too fast to be recorded on: then it is let go for a while, or for good. */
  private weather({ line }: EventLine, nowMs: number): boolean {
    const restMs = this.storms.add(line.length, nowMs);
    if (restMs === undefined) return false;
    this.dom?.stop();
    this.dom = undefined;
    this.onlyErrors = restMs === Number.POSITIVE_INFINITY;
    const timer = this.onlyErrors
      ? undefined
      : setTimeout(
          this.guard(() => this.weatherOver()),
          restMs,
        );
    this.storm = { fromMs: nowMs, timer };
    if (this.onlyErrors) this.recordStorm(this.storm.fromMs);
    return true;
  }

  private weatherOver(): void {
    const { storm } = this;
    if (storm === undefined) return;
    this.storm = undefined;
    this.recordStorm(storm.fromMs);
    this.recordDom();
  }

  private recordStorm(fromMs: number): void {
    const lost = { reason: "mutation_storm", events: 1, bytes: 0 } as const;
    this.record("tapedeck.lost", { ...lost, from_ms: fromMs, to_ms: Date.now() + 1 });
  }

  /** Keeps the session whatever the rates say: what is in memory of it goes out, and so does what follows. */
  private keep(decision: Decision): void {
    const { stream } = this;
    if (stream === undefined) {
      if (this.state === "not-sampled" && decision.reason !== "error") this.wakeSoon();
      return;
    }
    const { lastMinute } = this;
    if (lastMinute === undefined) {
      // An error changes nothing of a session that is recorded anyway.
      if (decision.reason === "error") return;
      stream.why = decision;
      this.host.sessions.keep(stream.session, decision);
      return;
    }
    stream.why = decision;
    this.host.sessions.keep(stream.session, decision);
    this.lastMinute = undefined;
    const events = lastMinute.take();
    this.recordOpening(events[0]?.timestamp ?? Date.now());
    for (const event of events) this.pending.push(event);
    this.change("recording", decision.reason);
    this.flushIn(this.schedule.hurryMs, true);
  }

  /** Sets the timer for the next upload, or sets it earlier. */
  private flushIn(waitMs: number, isHurried = false): void {
    const atMs = Date.now() + waitMs;
    if (!this.isWorthSending || this.pending.length === 0 || atMs >= this.flushAtMs) return;
    clearTimeout(this.flushTimer);
    this.flushAtMs = atMs;
    this.isHurried = isHurried;
    this.flushTimer = setTimeout(
      this.guard(() => this.seal()),
      waitMs,
    );
  }

  /** Makes what is pending a batch and hands it to delivery. */
  private seal(): void {
    clearTimeout(this.flushTimer);
    this.flushAtMs = Number.POSITIVE_INFINITY;
    const { stream } = this;
    if (stream === undefined || this.heedRefusal() || this.lastMinute !== undefined) return;
    for (const left of this.quota.takeLeftOut()) {
      const lost = { reason: "rate", bytes: 0, ...left } as const;
      this.pending.push(eventLine(customEvent("tapedeck.lost", lost, Date.now())));
    }
    if (this.pending.length === 0) return;
    this.delivery.add(stream.seal(this.pending.take(), Date.now()));
    if (this.isHurried) this.schedule.growHurry();
    this.isHurried = false;
    this.isWorthSending = false;
    this.schedule.grow();
    // A page on which nothing changes needs no second checkpoint.
    if (stream.sealed % UPLOADS_PER_CHECKPOINT === 0 && this.incrementChars > 0)
      this.checkpointSoon();
  }

  private hidden(): void {
    this.leave("hurry");
    clearTimeout(this.hiddenTimer);
    this.hiddenTimer = setTimeout(
      this.guard(() => {
        if (document.visibilityState === "hidden") this.restDom();
      }),
      HIDDEN_MS,
    );
  }

  /** Observes the DOM no longer, until somebody is there. */
  private restDom(): void {
    if (this.storm !== undefined || this.onlyErrors) return;
    this.dom?.stop();
    this.dom = undefined;
  }

  /** Observes the DOM again, from a checkpoint on. */
  private wakeDom(): void {
    if (this.stream === undefined || this.dom !== undefined) return;
    if (this.storm === undefined && !this.onlyErrors) this.recordDom();
  }

  private left(): void {
    this.leave("leave");
    // A page with a worker may not get into the back/forward cache.
    this.gzip.rest();
    noteLeftover(this.host.tab, this.delivery.leftover());
  }

  private leave(how: "hurry" | "leave"): void {
    for (const settle of this.settle) settle();
    this.seal();
    this.delivery[how]();
  }

  /** Whether the visitor has said no meanwhile, in another tab or on a page in front of this one: then it is over. */
  private heedRefusal(): boolean {
    const { shared, sessions, consent } = this.host;
    if (consent || shared.get(OPT_OUT_KEY) === undefined) return false;
    this.abandon();
    sessions.forget();
    this.report({ state: "idle", reason: "opt_out" });
    return true;
  }

  private isExcluded(path: string): boolean {
    return fitsAny(this.settings.excludedPages, path);
  }

  private checkpointSoon(): void {
    if (this.isCheckpointDue) return;
    this.isCheckpointDue = true;
    const { stream } = this;
    whenIdle(
      this.guard(() => {
        this.isCheckpointDue = false;
        if (stream !== undefined && stream === this.stream) this.dom?.checkpoint();
      }),
    );
  }

  private navigated(from: string, to: string, kind: Payloads["tapedeck.navigation"]["kind"]): void {
    if (this.isExcluded(new URL(to).pathname)) {
      this.seal();
      if (this.stream !== undefined) this.discard("paused", "excluded_page");
    } else if (this.state === "paused" && this.isExcluded(new URL(from).pathname)) {
      this.wakeSoon();
    } else {
      this.record("tapedeck.navigation", {
        from: this.privacy.url(from),
        to: this.privacy.url(to),
        kind,
      });
      this.clicks.effect("navigation");
    }
  }

  private get sleepAtMs(): number {
    const endsMs =
      this.current === undefined ? 0 : endMs(this.current.startMs, sessionMsMax(this.host.config));
    return Math.min(endsMs, this.activeMs + IDLE_MS);
  }

  private watchForSleep(): void {
    clearTimeout(this.sleepTimer);
    this.sleepTimer = setTimeout(
      this.guard(() => {
        if (Date.now() >= this.sleepAtMs) this.sleep();
        else this.watchForSleep();
      }),
      Math.max(0, this.sleepAtMs - Date.now()),
    );
  }

  /** Sends what there is and observes nothing more until the visitor is there again. */
  private sleep(): void {
    if (this.stream === undefined) return;
    this.seal();
    this.discard("paused", Date.now() >= this.activeMs + IDLE_MS ? "inactive" : "session_ended");
  }

  /** The visitor did something. */
  private active(): void {
    const nowMs = Date.now();
    if (this.state !== "paused" && nowMs < this.sleepAtMs) {
      this.activeMs = nowMs;
      this.isWorthSending = true;
      if (this.dom === undefined) this.wakeSoon();
      this.flushIn(this.schedule.waitMs);
      if (this.current !== undefined && nowMs >= this.touchedMs + TOUCH_MS) {
        this.touchedMs = nowMs;
        if (!this.heedRefusal()) this.host.sessions.touch(this.current, nowMs);
      }
      return;
    }
    this.sleep();
    if (!this.isExcluded(location.pathname)) this.wakeSoon();
  }

  // Not at once, since a first snapshot inside the visitor's click or key would make the page wait.
  private wakeSoon(): void {
    this.wakeTimer ??= setTimeout(
      this.guard(() => {
        this.wakeTimer = undefined;
        if (this.stream === undefined) this.begin();
        else this.wakeDom();
      }),
      0,
    );
  }

  /** Takes no more events, forgets what is pending, and observes the DOM no longer. */
  private discard(state: State, reason: string, error?: unknown): void {
    const { dom } = this;
    this.stream = undefined;
    this.dom = undefined;
    this.lastMinute = undefined;
    this.pending.take();
    clearTimeout(this.flushTimer);
    clearTimeout(this.sleepTimer);
    clearTimeout(this.hiddenTimer);
    clearTimeout(this.storm?.timer);
    this.storm = undefined;
    this.flushAtMs = Number.POSITIVE_INFINITY;
    dom?.stop();
    this.change(state, reason, error);
  }

  /** Ends everything that this recorder does in the page. */
  private end(state: State, reason: string, error?: unknown): void {
    clearTimeout(this.wakeTimer);
    this.unlisten();
    if (state !== "stopped") this.gzip.rest();
    this.discard(state, reason, error);
  }

  /** Ends everything, and gives up what was not sent yet. */
  private halt(state: "stopped" | "error", reason: string, error?: unknown): void {
    this.delivery.abandon();
    if (this.state === "stopped" || this.state === "error") {
      if (error !== undefined) this.report({ state: this.state, reason, error });
      return;
    }
    // Before anything that could fail again.
    this.state = state;
    this.end(state, reason, error);
  }

  private change(state: State, reason: string, error?: unknown): void {
    this.state = state;
    this.report({ state, reason, error });
  }

  private report(change: StateChange): void {
    this.host.report(change);
  }
}

function countElements(): number {
  return document.getElementsByTagName("*").length || 1;
}

/** What makes two events say the same. */
function contentOf<T extends Tag>(tag: T, payload: Payloads[T]): string | undefined {
  if (tag === "tapedeck.error") {
    const { type, message } = payload as Payloads["tapedeck.error"];
    return `${type} ${message}`;
  }
  if (tag === "tapedeck.console") return (payload as Payloads["tapedeck.console"]).args.join(" ");
  return undefined;
}
