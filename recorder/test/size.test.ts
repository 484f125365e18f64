import { gzipSync } from "node:zlib";
import { expect, inject, test } from "vitest";

test("the script tag's files weigh what they may, compressed: 4 KiB before anything is decided, 38 KiB with all but canvases and foreign frames", () => {
  const sizes = new Map(
    Object.entries(inject("scripts")).map(([name, code]) => [
      name,
      gzipSync(code, { level: 9 }).length,
    ]),
  );
  const [first = 0, proper = 0] = [sizes.get("tapedeck.js"), sizes.get("tapedeck-recorder.js")];
  expect([...sizes.keys()]).toHaveLength(3);
  expect(first).toBeLessThanOrEqual(4 * 1024);
  expect(first + proper).toBeLessThanOrEqual(38 * 1024);
  // In the place of the second, for pages that ask for more.
  expect(first + (sizes.get("tapedeck-recorder-full.js") ?? 0)).toBeLessThanOrEqual(48 * 1024);
});
