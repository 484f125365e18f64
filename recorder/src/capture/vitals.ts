/**
 * Web Vitals, and what on the page they are owed to.
 */
import { type Metric, onCLS, onFCP, onINP, onLCP, onTTFB } from "web-vitals";
import type { Emit } from "../events.js";
import type { Privacy } from "../privacy.js";
import { selectorOf } from "../selector.js";

/** A page has one measure of each, however often it is recorded. */
const latest = new Map<string, Metric>();
let isWatching = false;

/**
 * Measures, and returns how to record what changed since the last time. The measures of a page are final when it is left, and the library
 * tells them only after `pagehide`, when it is too late to send them: so all changes are heard of, and the last is recorded.
 */
export function watchVitals(emit: Emit, privacy: Privacy): () => void {
  if (!isWatching) {
    isWatching = true;
    const hear = (metric: Metric): void => void latest.set(metric.name, { ...metric });
    for (const watch of [onCLS, onFCP, onINP, onLCP, onTTFB])
      watch(hear, { reportAllChanges: true });
  }
  return () => {
    for (const metric of latest.values()) {
      const { name, value, rating } = metric;
      const attribution = attributionOf(metric, privacy);
      emit("tapedeck.vital", { name, value: Math.round(value * 1e4) / 1e4, rating, attribution });
    }
    latest.clear();
  };
}

function attributionOf(
  { name, value, entries }: Metric,
  privacy: Privacy,
): Record<string, unknown> {
  const at = (element: Node | null | undefined): string | undefined =>
    element instanceof Element ? selectorOf(element) : undefined;
  if (name === "LCP") {
    const entry = entries.at(-1) as
      | (PerformanceEntry & { element?: Element; url?: string; loadTime: number })
      | undefined;
    return {
      element: at(entry?.element),
      url: entry?.url ? privacy.url(entry.url) : undefined,
      loaded_ms: entry && Math.round(entry.loadTime),
    };
  }
  if (name === "INP") {
    const events = entries as PerformanceEventTiming[];
    const [first] = events;
    if (first === undefined) return {};
    const took = (entry: PerformanceEventTiming): number =>
      entry.processingEnd - entry.processingStart;
    const longest = events.reduce((a, b) => (took(b) > took(a) ? b : a));
    const endedAt = Math.max(...events.map(({ processingEnd }) => processingEnd));
    return {
      element: at(first.target),
      event: longest.name,
      started_ms: Math.round(performance.timeOrigin + first.startTime),
      input_delay_ms: Math.round(first.processingStart - first.startTime),
      processing_ms: Math.round(endedAt - first.processingStart),
      presentation_ms: Math.max(0, Math.round(first.startTime + value - endedAt)),
    };
  }
  if (name === "CLS") {
    const shifts = entries as LayoutShift[];
    const largest = shifts.reduce<LayoutShift | undefined>(
      (a, b) => (a !== undefined && a.value >= b.value ? a : b),
      undefined,
    );
    return {
      element: at(largest?.sources?.[0]?.node),
      at_ms: largest && Math.round(performance.timeOrigin + largest.startTime),
    };
  }
  return {};
}

type LayoutShift = PerformanceEntry & { value: number; sources?: { node?: Node | null }[] };
