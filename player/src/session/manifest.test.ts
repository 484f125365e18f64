import { expect, it } from "vitest";
import { chunkName, FormatError, parseManifest } from "./manifest.ts";

const least = { version: 1, core: 1, started_ms: 1, ended_ms: 2, pages: [] };

it("reads the least that a manifest has", () => {
  expect(parseManifest(least)).toEqual({
    started_ms: 1,
    ended_ms: 2,
    users: [],
    pages: [],
    errors: [],
    errors_omitted: 0,
    markers: [],
  });
});

it.each([
  ["another version", { ...least, version: 2 }, "version 2"],
  ["no object", [], "an array"],
  ["pages that are none", { ...least, pages: {} }, "pages"],
  ["a time that is none", { ...least, started_ms: null }, "started_ms"],
  [
    "a chunk without seq",
    { ...least, pages: [{ page: "a", first_ms: 1, last_ms: 2, chunks: [{}] }] },
    "seq",
  ],
])("refuses %s", (_name, json, message) => {
  expect(() => parseManifest(json)).toThrow(FormatError);
  expect(() => parseManifest(json)).toThrow(message);
});

it("writes a seq with at least five digits", () => {
  expect(chunkName("a1B2c3D4", 0, "1a2b3c4d")).toBe("a1B2c3D4-00000-1a2b3c4d");
  expect(chunkName("a1B2c3D4", 99_999, "1a2b3c4d")).toBe("a1B2c3D4-99999-1a2b3c4d");
});
