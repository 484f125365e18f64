import { EventType, type eventWithTime } from "@rrweb/types";
import { type Environment, parseEnvironment, parseOpening } from "../session/manifest.ts";

/**
 * What the manifest would say of a chunk that is not in it yet: the part of spec/manifest.md's derivation that playing needs.
 */
export interface Summary {
  first_ms: number;
  last_ms: number;
  events: number;
  checkpoints: [number, number][];
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
    if (event.type !== EventType.Custom) return;
    const payload = event.data.payload;
    if (typeof payload !== "object" || payload === null) return;
    const fields = payload as Record<string, unknown>;
    switch (event.data.tag) {
      case "tapedeck.session":
        summary.opening = parseOpening(fields);
        summary.environment = parseEnvironment(fields);
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
          summary.navigations.push({ at_ms, label: bounded(fields.to, 1000) });
        }
    }
  });
  return summary;
}

function bounded(value: unknown, charactersMax: number): string {
  return typeof value === "string" ? value.slice(0, charactersMax) : "";
}
