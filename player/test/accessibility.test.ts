/** axe on every screen, in both themes and on a phone. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { inState } from "./browser.ts";
import { makeUp } from "./recording.ts";
import { type Stack, startStack } from "./server.ts";

let browser: Browser;
let stack: Stack;
let axe: string;

const recording = makeUp({
  startMs: Date.now() - 3_600_000,
  minutes: 20,
  chunkSeconds: 20,
  checkpointEvery: 6,
});

beforeAll(async () => {
  [browser, stack, axe] = await Promise.all([
    launchBrowser(),
    startStack(),
    readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"),
  ]);
  stack.add(recording);
});
afterAll(async () => {
  await browser.close();
  await stack.close();
});

const SCREENS: Record<string, (page: Page) => Promise<void>> = {
  "the first screen": async (page) => {
    await page.goto(stack.player);
    await page.getByRole("button", { name: "Watch" }).waitFor();
  },
  "a session": async (page) => {
    await page.goto(stack.link(recording));
    await inState(page, "paused");
  },
  "the pages of a session": async (page) => {
    await page.goto(stack.link(recording));
    await inState(page, "paused");
    await page.getByRole("tab", { name: "Pages" }).click();
  },
  "the facts of a session": async (page) => {
    await page.goto(stack.link(recording));
    await inState(page, "paused");
    await page.getByRole("tab", { name: "Session" }).click();
  },
  "the help": async (page) => {
    await page.goto(stack.link(recording));
    await inState(page, "paused");
    await page.keyboard.press("?");
  },
  "a failure": async (page) => {
    await page.goto(stack.link(recording).replace("token=", "token=x"));
    await inState(page, "failed");
  },
};

describe.each([
  ["dark", { width: 1280, height: 800 }],
  ["light", { width: 1280, height: 800 }],
  ["light", { width: 360, height: 740 }],
] as const)("%s, %o", (colorScheme, viewport) => {
  it.each(Object.keys(SCREENS))("%s", async (name) => {
    const context = await browser.newContext({ colorScheme, viewport, reducedMotion: "reduce" });
    const page = await context.newPage();
    await SCREENS[name]?.(page);
    await page.evaluate(axe);
    const violations = await page.evaluate(async () => {
      const { run } = (
        globalThis as unknown as {
          axe: { run: (context: object, options: object) => Promise<unknown> };
        }
      ).axe;
      // The recorded page is what it was.
      const results = await run({ exclude: ["iframe"] }, { iframes: false });
      const { violations } = results as {
        violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
      };
      return violations.map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("\n")}`,
      );
    });
    expect(violations).toEqual([]);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
    await context.close();
  });
});
