import {
  EventType,
  type eventWithTime,
  IncrementalSource,
  type incrementalData,
  MouseInteractions,
} from "@rrweb/types";
import { type Environment, parseEnvironment, parseOpening } from "../session/manifest.ts";

/**
 * What the manifest would say of a chunk that is not in it yet: the part of spec/manifest.md's derivation that playing needs.
 */
export interface Summary {
  first_ms: number;
  last_ms: number;
  events: number;
  checkpoints: [number, number][];
  active?: [number, number];
  opening?: { url?: string; title?: string; tab?: string };
  environment?: Environment;
  errors: { at_ms: number; type: string; message: string }[];
  navigations: { at_ms: number; label: string }[];
}

const CHECKPOINTS_MAX = 64;
const ERRORS_MAX = 100;
const NAVIGATIONS_MAX = 200;

/** The summary of a chunk's events, in the order in which they were recorded. */
export function summarise(events: readonly eventWithTime[]): Summary {
  const summary: Summary = {
    first_ms: Number.POSITIVE_INFINITY,
    last_ms: Number.NEGATIVE_INFINITY,
    events: events.length,
    checkpoints: [],
    errors: [],
    navigations: [],
  };
  /** Whether a session event said what a meta event can only say in part. */
  let told = false;
  const active = (ms: number) => {
    const [from, to] = summary.active ?? [ms, ms];
    summary.active = [Math.min(from, ms), Math.max(to, ms)];
  };
  let meta: { index: number; href: unknown } | null = null;
  events.forEach((event, index) => {
    const at_ms = event.timestamp;
    summary.first_ms = Math.min(summary.first_ms, at_ms);
    summary.last_ms = Math.max(summary.last_ms, at_ms);
    if (event.type === EventType.FullSnapshot && meta?.index === index - 1) {
      if (summary.checkpoints.length < CHECKPOINTS_MAX)
        summary.checkpoints.push([at_ms, index - 1]);
    }
    if (event.type === EventType.Meta) {
      meta = { index, href: event.data.href };
      if (summary.opening === undefined) summary.opening = parseOpening({ url: event.data.href });
    }
    if (event.type === EventType.IncrementalSnapshot && isByVisitor(event.data)) active(at_ms);
    if (event.type !== EventType.Custom) return;
    const payload = event.data.payload;
    if (typeof payload !== "object" || payload === null) return;
    const fields = payload as Record<string, unknown>;
    switch (event.data.tag) {
      case "tapedeck.visibility":
        if (fields.state === "visible") active(at_ms);
        break;
      case "tapedeck.session":
        active(at_ms);
        if (!told) summary.opening = parseOpening(fields);
        summary.environment ??= parseEnvironment(fields);
        told = true;
        break;
      case "tapedeck.error":
        if (summary.errors.length < ERRORS_MAX) {
          summary.errors.push({
            at_ms,
            type: bounded(fields.type, 200),
            message: bounded(fields.message, 300),
          });
        }
        break;
      case "tapedeck.navigation":
        if (summary.navigations.length < NAVIGATIONS_MAX) {
          summary.navigations.push({ at_ms, label: bounded(fields.to, 300) });
        }
    }
  });
  return summary;
}

export function isByVisitor(data: incrementalData): boolean {
  switch (data.source) {
    case IncrementalSource.MouseInteraction:
      // Scripts and the browser move the focus too.
      return data.type !== MouseInteractions.Focus && data.type !== MouseInteractions.Blur;
    case IncrementalSource.MouseMove:
    case IncrementalSource.TouchMove:
    case IncrementalSource.Drag:
    case IncrementalSource.Input:
      return true;
    default:
      return false;
  }
}

/** At most so many characters (code points), a cut marked by `…` as the last of them: as the indexer bounds texts. */
function bounded(value: unknown, charactersMax: number): string {
  if (typeof value !== "string") return "";
  // Most are short, and none has more characters than units.
  if (value.length <= charactersMax) return value;
  const characters = [...value];
  return characters.length <= charactersMax
    ? value
    : `${characters.slice(0, charactersMax - 1).join("")}…`;
}
