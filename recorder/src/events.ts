/**
 * What is recorded: rrweb's events, and ours as `spec/events.md` has them.
 */
import type { eventWithTime } from "@rrweb/types";
import type { Properties } from "./host.js";

export type RecordedEvent = eventWithTime;

/** rrweb's `EventType`, as numbers: the enum itself would pull in a module that is otherwise only types. */
export const FULL_SNAPSHOT = 2;
export const INCREMENTAL = 3;
export const META = 4;
export const CUSTOM = 5;

/** Facts about the browser; each may be absent. */
export interface BrowserFacts {
  user_agent?: string;
  languages?: readonly string[];
  time_zone?: string;
  /** Of the machine, as far as browsers tell: rounded gigabytes and a number of cores. */
  memory_gb?: number;
  cores?: number;
  connection?: { type?: string; rtt_ms?: number; save_data?: boolean };
  /** Names of extensions that leave traces in the page. */
  extensions?: readonly string[];
  /** What the visitor prefers. */
  color_scheme?: "light" | "dark";
  viewport?: readonly [number, number];
  screen?: readonly [number, number];
  pixel_ratio?: number;
}

export type ConsoleLevel = "error" | "warn" | "info" | "log" | "debug";

export interface ErrorFacts {
  type: string;
  message: string;
  stack: string | undefined;
}

/** One call of a stack. Lines and columns begin at 1. */
export interface StackFrame {
  function: string | undefined;
  file: string;
  line: number;
  column: number;
  /** Of the file's source map. */
  debug_id?: string | undefined;
}

/** An element that the visitor used. */
export interface Target {
  selector: string;
  role: string | undefined;
  /** Masked as it is on the page. */
  text: string | undefined;
}

/** What a click can cause. */
export type Effect = "mutation" | "navigation" | "request" | "scroll" | "selection" | "input";

/** Our events by tag. */
export interface Payloads {
  "tapedeck.session": {
    tab: string;
    url: string;
    referrer: string;
    title: string;
    previous_page: string | undefined;
    release: string | undefined;
    environment: string | undefined;
    browser: BrowserFacts;
    sdk: string;
  };
  "tapedeck.error": ErrorFacts & {
    handled: boolean;
    mechanism: "onerror" | "unhandledrejection" | "console" | "api";
    source: string | undefined;
    line: number | undefined;
    column: number | undefined;
    /** What caused it, and what caused that. */
    causes: readonly ErrorFacts[] | undefined;
    /** Of the stack, innermost first. */
    frames: readonly StackFrame[] | undefined;
    /** Of the request before it. */
    trace: string | undefined;
  };
  "tapedeck.console": { level: ConsoleLevel; args: readonly string[] };
  "tapedeck.request": {
    method: string;
    url: string;
    initiator: "fetch" | "xhr" | "beacon";
    /** Absent where there was no answer, or it is hidden from the page. */
    status: number | undefined;
    failure: "network" | "abort" | "timeout" | "refused" | undefined;
    started_ms: number;
    duration_ms: number;
    /** From the request's start to the answer's first byte. */
    first_byte_ms: number | undefined;
    /** Of the answer as it was transferred, where the browser tells. */
    bytes: number | undefined;
    trace: string | undefined;
    /** What the project's configuration allows of these. */
    request_headers?: Readonly<Record<string, string>> | undefined;
    response_headers?: Readonly<Record<string, string>> | undefined;
    request_body?: string | undefined;
    response_body?: string | undefined;
  };
  "tapedeck.navigation": { from: string; to: string; kind: "push" | "replace" | "pop" | "hash" };
  "tapedeck.vital": {
    name: string;
    value: number;
    rating: string;
    attribution: Readonly<Record<string, unknown>>;
  };
  "tapedeck.click": Target & {
    at_ms: number;
    /** What followed within a moment; empty for a click that did nothing. */
    effects: readonly Effect[];
    /** How long the first took. */
    effect_ms: number | undefined;
  };
  "tapedeck.input": Target & { keys: number };
  "tapedeck.identify": {
    user: string | undefined;
    traits: Properties | undefined;
    attributes: Properties | undefined;
  };
  "tapedeck.custom": { name: string; properties: Properties };
  "tapedeck.visibility": { state: DocumentVisibilityState; restored?: true };
  /** What has changed of the browser's facts. */
  "tapedeck.browser": BrowserFacts;
  "tapedeck.longtask": { started_ms: number; duration_ms: number };
  "tapedeck.lost": {
    reason: "too_large" | "queue_full" | "refused" | "rate" | "mutation_storm";
    events: number;
    bytes: number;
    from_ms: number;
    to_ms: number;
    /** Of reason `rate`: what there was too much of. */
    tag?: string;
  };
}

export type Tag = keyof Payloads;

/** Records one of our events, now. */
export type Emit = <T extends Tag>(tag: T, payload: Payloads[T]) => void;

/** One of our events as rrweb's stream carries it. */
export function customEvent<T extends Tag>(
  tag: T,
  payload: Payloads[T],
  timestamp: number,
): RecordedEvent {
  return { type: CUSTOM, timestamp, data: { tag, payload } };
}
