import { expect, it } from "vitest";
import type { ColorScheme, Manifest } from "../session/manifest.ts";
import type { Entry } from "./entry.ts";
import { colorSchemeAt } from "./scheme.ts";

const manifest = (color_scheme?: ColorScheme): Manifest => ({
  started_ms: 0,
  ended_ms: 100,
  users: [],
  environment: { browser: color_scheme === undefined ? {} : { color_scheme } },
  pages: [],
  errors: [],
  errors_omitted: 0,
  markers: [],
});
const change = (atMs: number, color_scheme: ColorScheme): Entry => ({
  id: `c:${atMs}`,
  page: "a",
  atMs,
  kind: "browser",
  browser: { color_scheme },
});

it("the last that was told counts, then the manifest, then light", () => {
  const entries = [change(10, "dark"), change(50, "light")];
  expect([5, 10, 49, 50].map((ms) => colorSchemeAt(manifest(), entries, ms))).toEqual([
    "light",
    "dark",
    "dark",
    "light",
  ]);
  expect(colorSchemeAt(manifest("dark"), [], 5)).toBe("dark");
  expect(colorSchemeAt(null, [], 5)).toBe("light");
});
