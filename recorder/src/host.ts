/**
 * What the part that loads first and the recorder proper know of each other. The two are bundled apart, so that a visitor who
 * is not sampled never loads the second: it gets what it shares with the first from here and imports only types from there.
 */
import type { RecorderConfig } from "./config.js";
import type { Fetch } from "./http.js";
import type { Options } from "./options.js";
import type { Reason } from "./sampling.js";
import type { Session, SharedSession } from "./session.js";
import type { StateChange } from "./state.js";
import type { SafeStorage } from "./storage.js";

/** Why and how a session is recorded. */
export interface Decision {
  readonly reason: Reason;
  /** Whether only the last minute is held, in memory, until something happens that makes the session worth keeping. */
  readonly buffered: boolean;
  /** Of reason `support`. */
  readonly support?: string;
}

/** A session and whether it is recorded; without a decision it is not. */
export interface Entered {
  readonly session: Session;
  readonly decision: Decision | undefined;
}

/** What the page asked for, in the order in which it did. Arguments are the recorder's own copies. */
export type Call =
  | { readonly do: "identify"; readonly user: string; readonly traits: Properties }
  | { readonly do: "attributes"; readonly attributes: Properties }
  | { readonly do: "track"; readonly name: string; readonly properties: Properties }
  | { readonly do: "error"; readonly error: unknown }
  | { readonly do: "keep"; readonly reason: "support" | "manual"; readonly support?: string };

export type Properties = Readonly<Record<string, unknown>>;

/** Something that happened before the recorder proper was there. */
export type Early = { readonly atMs: number } & (
  | { readonly call: Call }
  | { readonly event: ErrorEvent | PromiseRejectionEvent }
);

/** What the recorder proper is given. */
export interface Host {
  readonly options: Options;
  readonly config: RecorderConfig;
  /** As the page had it before anything of ours was put around it. */
  readonly fetch: Fetch;
  /** `localStorage` and `sessionStorage`. */
  readonly shared: SafeStorage;
  readonly tab: SafeStorage;
  readonly sessions: SharedSession;
  /** When the page asked for its recording. */
  readonly startedMs: number;
  /** Whether the visitor agreed; undefined where nobody asked. */
  readonly consent: boolean | undefined;
  /** The session that is alive at `nowMs`, or a new one. */
  enter(nowMs: number): Entered;
  /** Must not throw. */
  report(change: StateChange): void;
}

/** The recorder proper, as the first part uses it. */
export interface Recording {
  /** Begins to record, with what happened before. Called once. */
  start(early: readonly Early[]): void;
  take(call: Call): void;
  /** Ends the recording; what was recorded is still sent. */
  stop(): void;
  /** Ends the recording; nothing more is sent. */
  abandon(): void;
  flush(): Promise<void>;
  readonly sessionId: string | undefined;
  /** A link to the session in the player, at this moment or from its start. */
  replayUrl(at: "now" | undefined): string | undefined;
}

export type RecorderProper = new (host: Host) => Recording;
