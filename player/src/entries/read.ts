import { EventType, type eventWithTime } from "@rrweb/types";
import { parseBrowser, parseEnvironment } from "../session/manifest.ts";
import { type Cause, type Fact, type Frame, LEVELS, type Level } from "./entry.ts";
import { isForeign } from "./scripts.ts";

/** Bounds of what is copied out of one event, in characters and items: a recording is written by strangers. */
export const BOUNDS = { name: 200, url: 2_000, text: 4_000, stack: 16_000, items: 50, causes: 5 };

/** What one event tells beside the picture, and when it was. Null: nothing. Absent and wrong fields are empty. */
export function readFact(event: eventWithTime): { atMs: number; fact: Fact } | null {
  if (event.type !== EventType.Custom) return null;
  const { tag, payload } = event.data as { tag: string; payload: unknown };
  const fields = isObject(payload) ? payload : {};
  const atMs = momentOf(tag, fields, event.timestamp);
  const fact = read(tag, fields);
  return fact === null ? null : { atMs, fact };
}

/** An event is recorded when it is complete; what a person looks for is when it began. */
function momentOf(tag: string, fields: Fields, timestamp: number): number {
  const name = { "tapedeck.click": "at_ms", "tapedeck.request": "started_ms" }[tag];
  const began = name === undefined ? null : numberOf(fields[name]);
  // A forged moment does not lead far from its event. No request is waited for longer than ten minutes.
  if (began === null || began > timestamp || timestamp - began > 600_000) return timestamp;
  return Math.trunc(began);
}

function read(tag: string, fields: Fields): Fact | null {
  switch (tag) {
    case "tapedeck.session":
      return {
        kind: "opened",
        url: text(fields.url, BOUNDS.url),
        title: text(fields.title),
        tab: text(fields.tab),
        referrer: text(fields.referrer, BOUNDS.url),
        environment: parseEnvironment(fields),
      };
    case "tapedeck.browser":
      return { kind: "browser", browser: parseBrowser(fields) };
    case "tapedeck.console":
      return {
        kind: "console",
        level: levelOf(fields.level),
        text: list(fields.args)
          .slice(0, 10)
          .map((value) => valueText(value))
          .join(" ")
          .slice(0, BOUNDS.text),
      };
    case "tapedeck.request":
      return {
        kind: "request",
        method: text(fields.method, 20) || "GET",
        url: text(fields.url, BOUNDS.url),
        initiator: text(fields.initiator),
        status: numberOf(fields.status),
        failure: text(fields.failure),
        durationMs: numberOf(fields.duration_ms) ?? 0,
        firstByteMs: numberOf(fields.first_byte_ms),
        bytes: numberOf(fields.bytes),
        trace: text(fields.trace),
      };
    case "tapedeck.error":
      return {
        kind: "error",
        ...causeOf(fields),
        handled: fields.handled === true,
        mechanism: text(fields.mechanism),
        source: text(fields.source, BOUNDS.url),
        line: numberOf(fields.line),
        column: numberOf(fields.column),
        frames: list(fields.frames).filter(isObject).slice(0, BOUNDS.items).map(frameOf),
        causes: list(fields.causes).filter(isObject).slice(0, BOUNDS.causes).map(causeOf),
        trace: text(fields.trace),
      };
    case "tapedeck.navigation":
      return {
        kind: "navigation",
        from: text(fields.from, BOUNDS.url),
        to: text(fields.to, BOUNDS.url),
        how: text(fields.kind),
      };
    case "tapedeck.vital":
      return {
        kind: "vital",
        name: text(fields.name),
        value: numberOf(fields.value) ?? 0,
        rating: text(fields.rating),
        attribution: pairs(fields.attribution),
      };
    case "tapedeck.click":
      return {
        kind: "click",
        ...targetOf(fields),
        effects: Array.isArray(fields.effects)
          ? list(fields.effects).map((effect) => text(effect))
          : null,
        effectMs: numberOf(fields.effect_ms),
      };
    case "tapedeck.input":
      return { kind: "input", ...targetOf(fields), keys: numberOf(fields.keys) ?? 0 };
    case "tapedeck.identify":
      return {
        kind: "identify",
        user: text(fields.user),
        traits: [...pairs(fields.traits), ...pairs(fields.attributes)].slice(0, BOUNDS.items),
      };
    case "tapedeck.custom":
      return { kind: "custom", name: text(fields.name), properties: pairs(fields.properties) };
    case "tapedeck.visibility":
      return { kind: "visibility", state: text(fields.state) };
    case "tapedeck.longtask":
      return { kind: "longtask", durationMs: numberOf(fields.duration_ms) ?? 0 };
    case "tapedeck.lost":
      return { kind: "lost", reason: text(fields.reason), events: numberOf(fields.events) ?? 0 };
    default:
      // Of our own tags that are newer than this player, and of other recorders, the name and what there is.
      return { kind: "custom", name: text(tag), properties: pairs(fields) };
  }
}

type Fields = Record<string, unknown>;

function causeOf(fields: Fields): Cause {
  return {
    type: text(fields.type) || "Error",
    message: text(fields.message, BOUNDS.text),
    stack: text(fields.stack, BOUNDS.stack),
  };
}

function frameOf(fields: Fields): Frame {
  const file = text(fields.file, BOUNDS.url);
  return {
    function: text(fields.function),
    file,
    line: numberOf(fields.line),
    column: numberOf(fields.column),
    foreign: isForeign(file),
  };
}

function targetOf(fields: Fields): { selector: string; role: string; text: string } {
  return { selector: text(fields.selector), role: text(fields.role), text: text(fields.text) };
}

function levelOf(value: unknown): Level {
  return LEVELS.find((level) => level === value) ?? "log";
}

function text(value: unknown, charactersMax = BOUNDS.name): string {
  return typeof value === "string" ? value.slice(0, charactersMax) : "";
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function pairs(value: unknown): [string, string][] {
  if (!isObject(value)) return [];
  return Object.entries(value)
    .slice(0, BOUNDS.items)
    .map(([name, value]) => [name.slice(0, BOUNDS.name), valueText(value).slice(0, BOUNDS.text)]);
}

function valueText(value: unknown): string {
  if (typeof value === "string") return value.slice(0, BOUNDS.text);
  try {
    return (JSON.stringify(value) ?? "").slice(0, BOUNDS.text);
  } catch {
    // Parsing knows no depth that is too great, writing does. Such a value is nobody's, and costs only itself.
    return "(nested too deep to show)";
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
