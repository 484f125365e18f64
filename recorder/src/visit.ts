/**
 * One page's recording as the part that loads first sees it: whether there is one at all, and what happens until the recorder
 * proper is there.
 */
import { DEFAULT_CONFIG, fetchConfig, type RecorderConfig, sessionMsMax } from "./config.js";
import type { Call, Decision, Early, Entered, Host, RecorderProper, Recording } from "./host.js";
import type { Fetch } from "./http.js";
import type { Options } from "./options.js";
import { keeps, type Reason } from "./sampling.js";
import { type Session, SharedSession } from "./session.js";
import type { State, StateChange } from "./state.js";
import type { SafeStorage } from "./storage.js";

/** Of what happens before the recorder proper is there, so much is remembered. */
const EARLY_MAX = 100;
/** `?tapedeck=TOKEN` in the page's URL records this session, with the token as its support ticket. */
const LINK_PARAMETER = "tapedeck";

export class Visit implements Host {
  readonly startedMs = Date.now();
  config: RecorderConfig = DEFAULT_CONFIG;
  readonly sessions: SharedSession;
  private recording: Recording | undefined;
  private opening: Promise<void> | undefined;
  private early: Early[] = [];
  private current: Session | undefined;
  /** What the page or a link asked for, whatever the rates say. */
  private asked: Decision | undefined;
  private state: State = "starting";
  private readonly ended = new AbortController();
  /** Of listeners that are here until the recorder proper is. */
  private readonly watching = { signal: this.ended.signal };

  /** Does nothing yet. `load` gets the recorder proper, `listener` must not throw. */
  constructor(
    readonly options: Options,
    readonly consent: boolean | undefined,
    readonly fetch: Fetch,
    readonly shared: SafeStorage,
    readonly tab: SafeStorage,
    private readonly load: () => Promise<RecorderProper>,
    private readonly listener: (change: StateChange) => void,
  ) {
    this.sessions = new SharedSession(shared);
  }

  get isOver(): boolean {
    return /^(?:idle|stopped|error)$/.test(this.state);
  }

  get sessionId(): string | undefined {
    if (this.recording !== undefined) return this.recording.sessionId;
    return this.state === "not-sampled" ? undefined : this.current?.id;
  }

  start(): void {
    const support = new URLSearchParams(location.search).get(LINK_PARAMETER);
    if (support) this.asked = { reason: "support", buffered: false, support };
    const onError = (event: ErrorEvent | PromiseRejectionEvent): void =>
      this.remember({ atMs: Date.now(), event });
    addEventListener("error", onError, this.watching);
    addEventListener("unhandledrejection", onError, this.watching);
    this.whenSeen(() => this.open());
  }

  take(call: Call): void {
    if (this.recording !== undefined) {
      this.recording.take(call);
      return;
    }
    this.remember({ atMs: Date.now(), call });
    if (call.do !== "keep") return;
    this.asked = { ...call, buffered: false };
    if (this.state === "not-sampled") this.attempt(this.record());
  }

  /** Ends the recording; what was recorded is still sent. */
  stop(): void {
    if (this.recording === undefined) this.end("stopped", "page");
    else this.recording.stop();
  }

  /** Ends the recording; nothing more is sent, and what the browser keeps of the session is removed. */
  forget(reason: string): void {
    this.recording?.abandon();
    this.end("idle", reason);
    this.sessions.forget();
  }

  /** Resolves when everything that happened so far is confirmed by the edge or given up. */
  async flush(): Promise<void> {
    await this.opening;
    await this.recording?.flush();
  }

  enter(nowMs: number): Entered {
    const session = this.sessions.open(nowMs, sessionMsMax(this.config));
    this.current = session;
    return { session, decision: this.decide(session) };
  }

  report(change: StateChange): void {
    this.state = change.state;
    this.listener(change);
  }

  // A page that is drawn ahead, or opened in the background, is hidden, and nobody's until it is looked at.
  private whenSeen(open: () => void): void {
    let isOpen = false;
    const look = (): void => {
      if (isOpen || document.visibilityState !== "visible") return;
      isOpen = true;
      open();
    };
    document.addEventListener("visibilitychange", look, this.watching);
    look();
  }

  private open(): void {
    const { session } = this.enter(Date.now());
    this.report({ state: "starting", reason: "session" });
    // Whether a session is recorded that was kept before needs no rates, so both can load at the same time.
    const loading = session.kept || this.asked ? this.load() : undefined;
    loading?.catch(() => {});
    this.attempt(this.configure(session, loading));
  }

  private async configure(session: Session, loading?: Promise<RecorderProper>): Promise<void> {
    const reply = await fetchConfig(this.fetch, this.options.edge, this.options.key);
    if (this.state !== "starting") return;
    if (reply.kind === "refused") {
      this.end("stopped", reply.reason);
    } else {
      if (reply.kind === "config") this.config = reply.config;
      if (this.decide(session) !== undefined) {
        await this.record(loading);
        return;
      }
      // What it was told of the visitor may still be needed.
      this.early = this.early.filter((one) => "call" in one);
      this.report({ state: "not-sampled", reason: "rate" });
    }
  }

  private async record(loading = this.load()): Promise<void> {
    const Recorder = await loading;
    if (this.isOver || this.recording !== undefined) return;
    this.recording = new Recorder(this);
    this.recording.start(this.early.splice(0));
    this.ended.abort();
  }

  private decide(session: Session): Decision | undefined {
    const kept = this.asked ?? session.kept;
    if (kept !== undefined) return { ...kept, buffered: false };
    const { segments = [], errorBuffer } = this.options;
    const reasons: Reason[] = ["all"];
    if (segments.length > 0) reasons.push("segment");
    if (errorBuffer) reasons.push("error");
    const reason = reasons.find((one) => keeps(this.config.sampling, session.id, one, segments));
    return reason && { reason, buffered: reason === "error" };
  }

  private remember(early: Early): void {
    const isWanted = this.state !== "not-sampled" || "call" in early;
    if (!this.isOver && isWanted && this.early.length < EARLY_MAX) this.early.push(early);
  }

  private attempt(step: Promise<void>): void {
    this.opening = step.catch((error: unknown) => this.end("error", "failure", error));
  }

  private end(state: State, reason: string, error?: unknown): void {
    this.ended.abort();
    this.early = [];
    this.report({ state, reason, error });
  }
}
