import { expect, it } from "vitest";
import type { Manifest } from "./manifest.ts";
import { marksNear, marksOf } from "./marks.ts";

const at = (at_ms: number) => ({ at_ms, page: "a" });
const manifest: Manifest = {
  started_ms: 0,
  ended_ms: 1_000,
  users: [],
  pages: [
    {
      page: "a",
      opening: { url: "https://shop.example/" },
      first_ms: 0,
      last_ms: 9,
      chunks: [
        {
          seq: 0,
          hash: "0000000a",
          first_ms: 0,
          last_ms: 9,
          bytes: 1,
          inflated_bytes: 1,
          events: 1,
          checkpoints: [],
        },
      ],
    },
  ],
  errors: [{ at: at(50), type: "TypeError", message: "x" }],
  errors_omitted: 0,
  markers: [
    { at: at(0), kind: "page", label: "https://shop.example/" },
    { at: at(40), kind: "navigation", label: "https://shop.example/cart" },
    { at: at(60), kind: "custom", label: "paid" },
    { at: at(70), kind: "dead_click", label: "Pay" },
    { at: at(80), kind: "of a later version", label: "?" },
  ],
};

it("marks are page loads, errors and markers, by moment", () => {
  expect(marksOf(manifest).map(({ atMs, kind, label }) => [atMs, kind, label])).toEqual([
    [0, "page", "shop.example/"],
    [40, "navigation", "shop.example/cart"],
    [50, "error", "TypeError: x"],
    [60, "custom", "paid"],
    [70, "dead_click", "Dead click: Pay"],
  ]);
});

it("near a moment are the nearest, by moment", () => {
  const near = (ms: number, max: number) =>
    marksNear(marksOf(manifest), ms, 20, max).map(({ atMs }) => atMs);
  expect(near(55, 9)).toEqual([40, 50, 60, 70]);
  expect(near(55, 2)).toEqual([50, 60]);
  expect(near(500, 9)).toEqual([]);
});
