import type { Entry, Place, Vital } from "./entry.ts";

/** In the order in which people ask for them. */
const NAMES = ["LCP", "INP", "CLS", "FCP", "TTFB"];

/** What a page load measured of itself: of each name the last. */
export interface PageVitals {
  page: string;
  vitals: (Place & Vital)[];
}

/** The vitals by page load, in the order in which they were told. */
export function vitalsByPage(entries: readonly Entry[]): PageVitals[] {
  const pages = new Map<string, Map<string, Place & Vital>>();
  for (const entry of entries) {
    if (entry.kind !== "vital") continue;
    const vitals = pages.get(entry.page) ?? new Map();
    vitals.set(entry.name, entry);
    pages.set(entry.page, vitals);
  }
  return [...pages].map(([page, vitals]) => ({
    page,
    vitals: [...vitals.values()].sort((a, b) => rank(a) - rank(b)),
  }));
}

function rank({ name }: Vital): number {
  const index = NAMES.indexOf(name);
  return index < 0 ? NAMES.length : index;
}
