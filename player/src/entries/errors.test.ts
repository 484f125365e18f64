import { expect, it } from "vitest";
import type { Manifest } from "../session/manifest.ts";
import type { Entry } from "./entry.ts";
import { errorsOf } from "./errors.ts";

const mark = (at_ms: number, type: string) => ({ at: { at_ms, page: "a" }, type, message: "m" });
const manifest: Manifest = {
  started_ms: 0,
  ended_ms: 100,
  users: [],
  pages: [],
  errors: [mark(10, "TypeError"), mark(10, "TypeError"), mark(50, "")],
  errors_omitted: 0,
  markers: [],
};
const read = (atMs: number, type: string, stack: string): Entry => ({
  id: `c:${stack}`,
  page: "a",
  atMs,
  kind: "error",
  type,
  message: "m",
  stack,
  handled: false,
  mechanism: "",
  source: "",
  line: null,
  column: null,
  frames: [],
  causes: [],
  trace: "",
});

it("what was read takes the place of what the manifest tells, one for one", () => {
  const errors = errorsOf(manifest, [read(10, "TypeError", "s1"), read(90, "RangeError", "s2")]);
  expect(errors.map(({ atMs, type, marked }) => [atMs, type, marked])).toEqual([
    [10, "TypeError", false],
    [10, "TypeError", true],
    [50, "Error", true],
    [90, "RangeError", false],
  ]);
});
