import { expect, it } from "vitest";
import type { Entry } from "./entry.ts";
import { vitalsByPage } from "./vitals.ts";

const vital = (page: string, atMs: number, name: string, value: number): Entry => ({
  id: `${page}:${atMs}`,
  page,
  atMs,
  kind: "vital",
  name,
  value,
  rating: "good",
  attribution: [],
});

it("the last of a name counts, by page load", () => {
  const entries = [
    vital("a", 1, "CLS", 0.1),
    vital("a", 2, "LCP", 900),
    vital("b", 3, "LCP", 100),
    vital("a", 4, "CLS", 0.2),
  ];
  expect(
    vitalsByPage(entries).map(({ page, vitals }) => [page, vitals.map((v) => [v.name, v.value])]),
  ).toEqual([
    [
      "a",
      [
        ["LCP", 900],
        ["CLS", 0.2],
      ],
    ],
    ["b", [["LCP", 100]]],
  ]);
});
