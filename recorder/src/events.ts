/**
 * What is recorded: rrweb's events, and ours as `spec/events.md` has them.
 */
import type { eventWithTime } from "@rrweb/types";

export type RecordedEvent = eventWithTime;

/** rrweb's `EventType`, as numbers: the enum itself would pull in a module that is otherwise only types. */
export const DOM_CONTENT_LOADED = 0;
export const LOAD = 1;
export const FULL_SNAPSHOT = 2;
export const INCREMENTAL = 3;
export const META = 4;
export const CUSTOM = 5;

/** Facts about the browser; each may be absent. */
export interface BrowserFacts {
  user_agent?: string;
  languages?: readonly string[];
  time_zone?: string;
  viewport?: readonly [number, number];
  screen?: readonly [number, number];
  pixel_ratio?: number;
}

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
  "tapedeck.error": {
    type: string;
    message: string;
    stack: string | undefined;
    handled: boolean;
    mechanism: "onerror" | "unhandledrejection" | "console" | "api";
    source: string | undefined;
    line: number | undefined;
    column: number | undefined;
  };
  "tapedeck.navigation": { from: string; to: string; kind: "push" | "replace" | "pop" | "hash" };
  "tapedeck.identify": { user: string; traits: Readonly<Record<string, unknown>> };
  "tapedeck.custom": { name: string; properties: Readonly<Record<string, unknown>> };
  "tapedeck.visibility": { state: DocumentVisibilityState };
  "tapedeck.lost": {
    reason: "too_large" | "queue_full" | "refused";
    events: number;
    bytes: number;
    from_ms: number;
    to_ms: number;
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
