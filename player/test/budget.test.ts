/** What the application weighs before the first picture of a shared link. */

import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { inState } from "../../tests/harness/player.ts";
import { DIST, startStack } from "./server.ts";
import { telling } from "./telling.ts";

const BYTES_MAX = 120 * 1024;

it(`is at most ${BYTES_MAX} bytes, gzipped`, async () => {
  const [browser, stack] = await Promise.all([launchBrowser(), startStack()]);
  try {
    const recording = telling(Date.now() - 3_600_000);
    stack.add(recording);
    const page = await browser.newPage();
    await page.goto(stack.link(recording));
    await inState(page, "paused");
    // The panels and the dialogs' buttons come after the picture, and may have been asked for by now.
    const names = [...new Set(stack.served)].filter((name) => !/Beside|Actions/.test(name));
    const files = await Promise.all(
      names.map(async (name) => ({
        name,
        bytes: gzipSync(await readFile(DIST + name), { level: 9 }).length,
      })),
    );
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    console.log(`${bytes} bytes before the first picture`);
    for (const part of ["index", "early", "watch", "worker"])
      expect(names.some((name) => name.includes(part))).toBe(true);
    expect(bytes, JSON.stringify(files)).toBeLessThanOrEqual(BYTES_MAX);
  } finally {
    await browser.close();
    await stack.close();
  }
});
