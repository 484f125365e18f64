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
    if (this.recording) return this.recording.sessionId;
    return this.state === "not-sampled" ? undefined : this.current?.id;
  }

  replayUrl(at: "now" | undefined): string | undefined {
    return this.recording?.replayUrl(at);
  }

  start(): void {
    const support = new URLSearchParams(location.search).get(LINK_PARAMETER);
    if (support) this.asked = { reason: "support", buffered: false, support };
    const onError = (event: ErrorEvent | PromiseRejectionEvent): void =>
      this.remember({ atMs: Date.now(), event });
    addEventListener("error", onError, this.watching);
    addEventListener("unhandledrejection", onError, this.watching);
    // A page that is drawn ahead, or opened in the background, is hidden, and nobody's until it is looked at.
    const look = (): void => {
      if (this.opening === undefined && document.visibilityState === "visible") this.open();
    };
    document.addEventListener("visibilitychange", look, this.watching);
    look();
  }

  take(call: Call): void {
    if (this.recording) {
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
    if (!this.recording) this.end("stopped", "page");
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

  private open(): void {
    const session = this.sessions.look(Date.now(), sessionMsMax(this.config));
    this.current = session;
    this.report({ state: "starting", reason: "session" });
    // Whether a session is recorded that was kept before needs no rates, so both can load at the same time.
    const loading = session.kept || this.asked ? this.load() : undefined;
    loading?.catch(() => {});
    this.attempt(this.configure(loading));
  }

  private async configure(loading?: Promise<RecorderProper>): Promise<void> {
    const reply = await fetchConfig(this.fetch, this.options.edge, this.options.key);
    if (this.state !== "starting") return;
    if ("refused" in reply) {
      this.end("stopped", reply.refused);
      return;
    }
    this.config = reply.config;
    const { refusal } = this;
    if (refusal) this.end("idle", refusal);
    else if (this.enter(Date.now()).decision) await this.record(loading);
    else {
      // What it was told of the visitor may still be needed.
      this.early = this.early.filter((one) => "call" in one);
      this.report({ state: "not-sampled", reason: "rate" });
    }
  }

  private async record(loading = this.load()): Promise<void> {
    const Recorder = await loading;
    if (this.isOver || this.recording) return;
    this.recording = new Recorder(this);
    this.recording.start(this.early.splice(0));
    this.ended.abort();
  }

  /** Why the visitor has to be asked first, if the project wants that. */
  private get refusal(): string | undefined {
    const { require_consent, honour_gpc } = this.config.privacy ?? {};
    if (this.consent !== undefined) return undefined;
    if (require_consent) return "consent";
    // https://w3c.github.io/gpc/: a wish not to be tracked, which only the visitor's own word outweighs.
    const { globalPrivacyControl } = navigator as { globalPrivacyControl?: boolean };
    return honour_gpc !== false && globalPrivacyControl ? "privacy_signal" : undefined;
  }

  private decide(session: Session): Decision | undefined {
    const kept = this.asked ?? session.kept;
    if (kept) return { ...kept, buffered: false };
    const { segments = [], errorBuffer } = this.options;
    const asked: (Reason | "" | undefined | false)[] = [
      "all",
      segments[0] && "segment",
      errorBuffer && "error",
    ];
    const reason = asked.find(
      (one): one is Reason => !!one && keeps(this.config.sampling, session.id, one, segments),
    );
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
