import type { Manifest, Page } from "./manifest.ts";

/** A tab of the visitor's browser. */
export interface Tab {
  /** As the recorder named it; page loads that name none share one. */
  id: string;
  /** From 1, in the order in which they appeared. */
  number: number;
  fromMs: number;
  toMs: number;
}

/** The tabs of a session, in the order in which they appeared. */
export function tabsOf(manifest: Manifest): Tab[] {
  const tabs = new Map<string, Tab>();
  for (const page of manifest.pages) {
    const id = tabOf(page);
    const tab = tabs.get(id);
    if (tab === undefined)
      tabs.set(id, { id, number: tabs.size + 1, fromMs: page.first_ms, toMs: page.last_ms });
    else tab.toMs = Math.max(tab.toMs, page.last_ms);
  }
  return [...tabs.values()];
}

export function tabOf(page: Page): string {
  return page.opening?.tab ?? "";
}

/** What of a session happened in one tab, over the whole session's time; all of it where `tab` is null or unknown. */
export function inTab(manifest: Manifest, tab: string | null): Manifest {
  const pages = manifest.pages.filter((page) => tabOf(page) === tab);
  return tab === null || pages.length === 0 ? manifest : { ...manifest, pages };
}
