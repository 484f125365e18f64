import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { buildScript } from "../build.js";

test("the script tag's files weigh what they may, compressed: 4 KiB before anything is decided, 38 KiB in all", async () => {
  const sizes = new Map(
    Array.from(await buildScript(), ([name, code]) => [name, gzipSync(code, { level: 9 }).length]),
  );
  expect([...sizes.keys()]).toEqual(["tapedeck.js", "tapedeck-recorder.js"]);
  expect(sizes.get("tapedeck.js")).toBeLessThanOrEqual(4 * 1024);
  expect([...sizes.values()].reduce((a, b) => a + b)).toBeLessThanOrEqual(38 * 1024);
});
