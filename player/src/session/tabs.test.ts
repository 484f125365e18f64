import { expect, it } from "vitest";
import type { Manifest } from "./manifest.ts";
import { pageAt } from "./plan.ts";
import { inTab, tabsOf } from "./tabs.ts";

const page = (id: string, tab: string | undefined, first_ms: number, last_ms: number) => ({
  page: id,
  ...(tab === undefined ? {} : { opening: { tab } }),
  first_ms,
  last_ms,
  chunks: [],
});
const manifest: Manifest = {
  started_ms: 0,
  ended_ms: 101,
  users: [],
  pages: [page("a", "one", 0, 40), page("b", "two", 20, 60), page("c", "one", 50, 100)],
  errors: [],
  errors_omitted: 0,
  markers: [],
};

it("tabs are in the order in which they appeared, with their time", () => {
  expect(tabsOf(manifest)).toEqual([
    { id: "one", number: 1, fromMs: 0, toMs: 100 },
    { id: "two", number: 2, fromMs: 20, toMs: 60 },
  ]);
});

it("one tab shows its own pages at any time of the session", () => {
  expect([0, 30, 55, 90].map((ms) => pageAt(inTab(manifest, "two"), ms))).toEqual([
    "b",
    "b",
    "b",
    "b",
  ]);
  expect([0, 30, 55, 90].map((ms) => pageAt(inTab(manifest, "one"), ms))).toEqual([
    "a",
    "a",
    "c",
    "c",
  ]);
  expect(inTab(manifest, "two").ended_ms).toBe(101);
});

it("all are shown where none or an unknown one is chosen", () => {
  expect(inTab(manifest, null)).toBe(manifest);
  expect(inTab(manifest, "three")).toBe(manifest);
});
