/**
 * One page's recording from start to stop: what is captured goes into batches, batches go to the edge, and the session, the
 * sampling and the visitor's absence decide when there is any.
 */
import { PageStream } from "./batch.js";
import { watchActivity } from "./capture/activity.js";
import { type DomCapture, recordDom } from "./capture/dom.js";
import { browserFacts } from "./capture/environment.js";
import { ErrorCapture } from "./capture/errors.js";
import { watchNavigation } from "./capture/navigation.js";
import { watchVisibility } from "./capture/visibility.js";
import { type ConfigReply, DEFAULT_CONFIG, fetchConfig, type RecorderConfig } from "./config.js";
import { Delivery, QUEUE_CHARS_MAX } from "./delivery.js";
import { customEvent, META, type Payloads, type RecordedEvent, type Tag } from "./events.js";
import { type Guard, guardWith } from "./guard.js";
import type { Fetch } from "./http.js";
import { whenIdle } from "./idle.js";
import type { SessionId } from "./ids.js";
import { maskUrl } from "./mask.js";
import type { Options } from "./options.js";
import { eventLine, Pending } from "./pending.js";
import { maskEvent } from "./privacy.js";
import { keeps } from "./sampling.js";
import { FlushSchedule } from "./schedule.js";
import { endMs, IDLE_MS, type Session, SharedSession } from "./session.js";
import type { State, StateChange } from "./state.js";
import { SafeStorage } from "./storage.js";
import { enterPage } from "./tab.js";
import { SDK } from "./version.js";

const REASON = "all";
/** Uploads from one checkpoint to the next, so that a seek needs no more of them. */
const UPLOADS_PER_CHECKPOINT = 6;
/** About what still fits into one `keepalive` request when it is compressed, a tenth of it as a rule. */
const BATCH_CHARS_MAX = 480_000;
/** The visitor's activity is noted in storage this often at most. */
const TOUCH_MS = 10_000;

export class Recorder {
  private readonly guard: Guard = guardWith((error) => this.halt("error", "failure", error));
  private readonly session = new SharedSession(new SafeStorage(() => localStorage));
  private readonly tab = new SafeStorage(() => sessionStorage);
  private readonly delivery: Delivery;
  private readonly errors = new ErrorCapture((tag, payload) => this.record(tag, payload));
  private readonly pending = new Pending();
  private config: RecorderConfig = DEFAULT_CONFIG;
  private schedule = new FlushSchedule(DEFAULT_CONFIG.flushFirstMs, DEFAULT_CONFIG.flushMaxMs);
  private readonly decided: Promise<void>;
  private setDecided: () => void = () => {};
  /** Whether the configuration has come, or will not. */
  private isDecided = false;
  private state: State = "idle";
  private undo: (() => void)[] = [];
  private current: Session | undefined;
  /** Where events go; none are taken while there is none. */
  private stream: PageStream | undefined;
  private dom: DomCapture | undefined;
  private identity: Payloads["tapedeck.identify"] | undefined;
  private flushAtMs = Number.POSITIVE_INFINITY;
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private sleepTimer: ReturnType<typeof setTimeout> | undefined;
  private wakeTimer: ReturnType<typeof setTimeout> | undefined;
  private activeMs = 0;
  private touchedMs = 0;

  /** Does nothing yet. `report` hears of every change of state, and must not throw. */
  constructor(
    private readonly options: Options,
    private readonly fetch: Fetch,
    private readonly report: (change: StateChange) => void,
  ) {
    this.decided = new Promise((resolve) => {
      this.setDecided = resolve;
    });
    const url = `${options.edge}/v1/batches?key=${encodeURIComponent(options.key)}`;
    this.delivery = new Delivery(url, fetch, {
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
        this.session.close(session);
        this.discard("paused", "session_too_long");
        this.wakeSoon();
      },
      stopped: (reason) => this.halt("stopped", reason),
      failed: (error) => this.halt("error", "failure", error),
    });
  }

  /** Begins to record. A recorder is started once. */
  start(): void {
    this.guard(() => this.startUnguarded())();
  }

  /** Ends the recording; what was recorded is still sent. */
  stop(): void {
    this.seal();
    this.end("stopped", "page");
  }

  /** Resolves when everything recorded so far is confirmed by the edge or given up. */
  async flush(): Promise<void> {
    await this.decided;
    this.seal();
    await this.delivery.settled();
  }

  identify(user: string, traits: Readonly<Record<string, unknown>>): void {
    // A copy, since the page may go on to change what it handed in.
    const identity = JSON.parse(JSON.stringify({ user, traits })) as Payloads["tapedeck.identify"];
    this.record("tapedeck.identify", identity);
    this.identity = identity;
  }

  track(name: string, properties: Readonly<Record<string, unknown>>): void {
    this.record("tapedeck.custom", { name, properties });
  }

  captureError(error: unknown): void {
    this.errors.capture(error);
  }

  /** The session that is being recorded or was last, undefined where there is nothing of it. */
  get sessionId(): SessionId | undefined {
    return this.state === "not-sampled" ? undefined : this.current?.id;
  }

  private startUnguarded(): void {
    this.undo = [
      this.errors.listen(this.guard),
      watchNavigation((tag, payload) => this.record(tag, payload), this.guard),
      watchActivity(() => this.active(), this.guard),
      watchVisibility(
        (tag, payload) => this.record(tag, payload),
        { hidden: () => this.leave("hurry"), left: () => this.leave("leave") },
        this.guard,
      ),
    ];
    const decide = this.guard((reply: ConfigReply) => this.decide(reply));
    void fetchConfig(this.fetch, this.options.edge, this.options.key).then(decide);
    this.begin();
  }

  /** Enters the session that is alive, or a new one, as a new page, and records it unless it is known not to be sampled. */
  private begin(): void {
    const nowMs = Date.now();
    this.activeMs = nowMs;
    this.touchedMs = nowMs;
    const session = this.session.open(nowMs, this.config.sessionMsMax);
    this.current = session;
    if (this.isDecided && !this.isKept(session)) {
      this.change("not-sampled", "rate");
      return;
    }
    const stream = new PageStream(session, REASON);
    this.stream = stream;
    this.change(this.isDecided ? "recording" : "starting", "session");
    const tab = enterPage(this.tab, stream.page);
    this.record("tapedeck.session", {
      tab: tab.id,
      url: maskUrl(location.href),
      referrer: maskUrl(document.referrer),
      title: document.title,
      previous_page: tab.previousPage,
      release: this.options.release,
      environment: this.options.environment,
      browser: browserFacts(),
      sdk: SDK,
    });
    if (this.identity !== undefined) this.record("tapedeck.identify", this.identity);
    const dom = recordDom(
      this.guard((event: RecordedEvent) => this.push(event)),
      (error) => this.report({ state: this.state, reason: "failure", error }),
    );
    // The first snapshot may itself have been what ended the recording.
    if (this.stream !== stream) {
      dom.stop();
      return;
    }
    this.dom = dom;
    this.watchForSleep();
  }

  private decide(reply: ConfigReply): void {
    if (this.isDecided) return;
    this.isDecided = true;
    this.setDecided();
    if (reply.kind === "refused") {
      this.halt("stopped", reply.reason);
      return;
    }
    if (reply.kind === "config") {
      this.config = reply.config;
      this.schedule = new FlushSchedule(reply.config.flushFirstMs, reply.config.flushMaxMs);
    }
    if (this.stream === undefined) return;
    if (!this.isKept(this.stream.session)) {
      this.discard("not-sampled", "rate");
      return;
    }
    this.change("recording", reply.kind === "config" ? "config" : reply.reason);
    this.watchForSleep();
    this.flushSoon();
  }

  private isKept(session: Session): boolean {
    return keeps(this.config.sampling, session.id, REASON);
  }

  private record<T extends Tag>(tag: T, payload: Payloads[T]): void {
    this.push(customEvent(tag, payload, Date.now()));
    if (tag === "tapedeck.error") {
      this.schedule.reset();
      this.flushSoon();
    }
  }

  private push(event: RecordedEvent): void {
    if (this.stream === undefined) return;
    if (event.timestamp >= this.sleepAtMs) {
      this.sleep();
      return;
    }
    this.pending.push(eventLine(maskEvent(event)));
    if (!this.isDecided) {
      if (this.pending.chars > QUEUE_CHARS_MAX)
        this.decide({ kind: "unavailable", reason: "no answer yet" });
    } else if (
      event.type !== META &&
      (this.pending.chars >= BATCH_CHARS_MAX || this.pending.length >= this.config.eventsMax)
    ) {
      this.seal();
    } else {
      this.flushSoon();
    }
  }

  /** Sets the timer for the next upload, or sets it earlier. */
  private flushSoon(): void {
    const atMs = Date.now() + this.schedule.waitMs;
    if (!this.isDecided || this.pending.length === 0 || atMs >= this.flushAtMs) return;
    clearTimeout(this.flushTimer);
    this.flushAtMs = atMs;
    this.flushTimer = setTimeout(
      this.guard(() => this.seal()),
      this.schedule.waitMs,
    );
  }

  /** Makes what is pending a batch and hands it to delivery. */
  private seal(): void {
    clearTimeout(this.flushTimer);
    this.flushAtMs = Number.POSITIVE_INFINITY;
    if (this.stream === undefined || this.pending.length === 0) return;
    this.delivery.add(this.stream.seal(this.pending.take(), Date.now()));
    this.schedule.grow();
    if (this.stream.sealed % UPLOADS_PER_CHECKPOINT === 0) this.checkpointSoon();
  }

  private leave(how: "hurry" | "leave"): void {
    this.seal();
    this.delivery[how]();
  }

  private checkpointSoon(): void {
    const { stream } = this;
    whenIdle(
      this.guard(() => {
        if (stream !== undefined && stream === this.stream) this.dom?.checkpoint();
      }),
    );
  }

  private get sleepAtMs(): number {
    const endsMs =
      this.current === undefined ? 0 : endMs(this.current.startMs, this.config.sessionMsMax);
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
      if (this.current !== undefined && nowMs >= this.touchedMs + TOUCH_MS) {
        this.touchedMs = nowMs;
        this.session.touch(this.current, nowMs);
      }
      return;
    }
    this.sleep();
    this.wakeSoon();
  }

  // Not at once, since a first snapshot inside the visitor's click or key would make the page wait.
  private wakeSoon(): void {
    this.wakeTimer ??= setTimeout(
      this.guard(() => {
        this.wakeTimer = undefined;
        this.begin();
      }),
      0,
    );
  }

  /** Takes no more events, forgets what is pending, and observes the DOM no longer. */
  private discard(state: State, reason: string, error?: unknown): void {
    const { dom } = this;
    this.stream = undefined;
    this.dom = undefined;
    this.pending.take();
    clearTimeout(this.flushTimer);
    clearTimeout(this.sleepTimer);
    this.flushAtMs = Number.POSITIVE_INFINITY;
    dom?.stop();
    this.change(state, reason, error);
  }

  /** Ends everything that this recorder does in the page. */
  private end(state: State, reason: string, error?: unknown): void {
    clearTimeout(this.wakeTimer);
    for (const undo of this.undo.splice(0)) undo();
    this.isDecided = true;
    this.setDecided();
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
    this.report(error === undefined ? { state, reason } : { state, reason, error });
  }
}
