/** What a recording tells beside the picture: the custom events of spec/events.md, as the panels show them. */

import type { Browser, Environment } from "../session/manifest.ts";

/** One thing that happened. Times are Unix milliseconds by the client's clock. */
export type Entry = Place & Fact;

export interface Place {
  /** Unique within the session: the chunk's name and the event's index in it. */
  id: string;
  page: string;
  /** The moment to go to: of a request its start, of a click the click, else the event's time. */
  atMs: number;
}

export type Fact =
  | Opened
  | BrowserChange
  | ConsoleLine
  | Request
  | Failure
  | Navigation
  | Vital
  | Click
  | Typing
  | Identity
  | Custom
  | Visibility
  | LongTask
  | Lost;

export type Kind = Fact["kind"];

/** A page load began. */
export interface Opened {
  kind: "opened";
  url: string;
  title: string;
  tab: string;
  referrer: string;
  environment: Environment;
}

export const LEVELS = ["error", "warn", "info", "log", "debug"] as const;
export type Level = (typeof LEVELS)[number];

/** What the browser tells of itself has changed. */
export interface BrowserChange {
  kind: "browser";
  browser: Browser;
}

export interface ConsoleLine {
  kind: "console";
  level: Level;
  text: string;
}

export interface Request {
  kind: "request";
  method: string;
  url: string;
  initiator: string;
  /** Null: there was no answer, or the page could not see it. */
  status: number | null;
  /** `network`, `abort`, `timeout`, `refused`, or empty. */
  failure: string;
  durationMs: number;
  firstByteMs: number | null;
  bytes: number | null;
  trace: string;
}

export interface Cause {
  type: string;
  message: string;
  stack: string;
}

/** A call of a stack, as the recorder read it. */
export interface Frame {
  function: string;
  file: string;
  line: number | null;
  column: number | null;
  /** Of a browser's extension, not of the page. */
  foreign: boolean;
}

/** An error, thrown or reported. */
export interface Failure extends Cause {
  kind: "error";
  handled: boolean;
  mechanism: string;
  source: string;
  line: number | null;
  column: number | null;
  /** Of its stack, the innermost first; empty where the recorder did not tell. */
  frames: Frame[];
  causes: Cause[];
  trace: string;
}

export interface Navigation {
  kind: "navigation";
  from: string;
  to: string;
  /** `push`, `replace`, `pop`, `hash`. */
  how: string;
}

export interface Vital {
  kind: "vital";
  name: string;
  /** Milliseconds; CLS has no unit. */
  value: number;
  rating: string;
  attribution: [name: string, value: string][];
}

export interface Target {
  selector: string;
  role: string;
  text: string;
}

export interface Click extends Target {
  kind: "click";
  /** Null: the recording does not tell. None: a dead click. */
  effects: string[] | null;
  effectMs: number | null;
}

export interface Typing extends Target {
  kind: "input";
  keys: number;
}

export interface Identity {
  kind: "identify";
  user: string;
  traits: [name: string, value: string][];
}

export interface Custom {
  kind: "custom";
  name: string;
  properties: [name: string, value: string][];
}

export interface Visibility {
  kind: "visibility";
  state: string;
}

export interface LongTask {
  kind: "longtask";
  durationMs: number;
}

/** What the recorder had to let go. */
export interface Lost {
  kind: "lost";
  reason: string;
  events: number;
}

/** A request that got no answer, or one that says that something is wrong. */
export function failed(request: Request): boolean {
  return request.failure !== "" || (request.status !== null && request.status >= 400);
}

/** A click after which nothing happened. */
export function isDead(click: Click): boolean {
  return click.effects !== null && click.effects.length === 0;
}
