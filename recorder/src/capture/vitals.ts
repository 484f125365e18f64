/**
 * Web Vitals, and what on the page they are owed to.
 */
import { type Metric, onCLS, onFCP, onINP, onLCP, onTTFB } from "web-vitals";
import type { Emit } from "../events.js";
import type { Guard } from "../guard.js";
import type { Privacy } from "../privacy.js";
import { selectorOf } from "../selector.js";

let report: ((metric: Metric) => void) | undefined;
let isWatching = false;

/** Watches until the function it returns is called. A page has one measure of each, however often it is recorded. */
export function watchVitals(emit: Emit, privacy: Privacy, guard: Guard): () => void {
  report = guard((metric: Metric) => {
    const { name, value, rating } = metric;
    const attribution = attributionOf(metric, privacy);
    emit("tapedeck.vital", { name, value: Math.round(value * 1e4) / 1e4, rating, attribution });
  });
  if (!isWatching) {
    isWatching = true;
    for (const watch of [onCLS, onFCP, onINP, onLCP, onTTFB]) watch((metric) => report?.(metric));
  }
  return () => {
    report = undefined;
  };
}

function attributionOf({ name, entries }: Metric, privacy: Privacy): Record<string, unknown> {
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
    const entry = entries[0] as PerformanceEventTiming | undefined;
    if (entry === undefined) return {};
    const { startTime, processingStart, processingEnd, duration, target } = entry;
    return {
      element: at(target),
      event: entry.name,
      started_ms: Math.round(performance.timeOrigin + startTime),
      input_delay_ms: Math.round(processingStart - startTime),
      processing_ms: Math.round(processingEnd - processingStart),
      presentation_ms: Math.max(0, Math.round(startTime + duration - processingEnd)),
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
