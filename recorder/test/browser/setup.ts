/** One Chromium, one edge and one site for the tests of a file, all fresh for each test. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { launchBrowser } from "../../../tests/harness/browser.js";
import type * as Tapedeck_ from "../../src/index.js";
import { Edge } from "./edge.js";
import { Site } from "./site.js";

declare global {
  var Tapedeck: typeof Tapedeck_;
}

export let browser: Browser;
export let edge: Edge;
export let site: Site;
export let context: BrowserContext;

beforeAll(async () => {
  edge = await Edge.start();
  site = await Site.start(edge.origin);
  browser = await launchBrowser();
});

beforeEach(async () => {
  edge.reset();
  site.reset();
  context = await browser.newContext();
});

afterEach(async () => {
  await context.close();
  expect(edge.broken).toEqual([]);
});

afterAll(async () => {
  await browser.close();
  edge.stop();
  site.stop();
});

export async function open(path = "/"): Promise<Page> {
  const page = await context.newPage();
  await page.goto(site.origin + path);
  return page;
}

export const first = () => edge.until("an upload", () => edge.uploads[0]);
export const flush = (page: Page) => page.evaluate(() => Tapedeck.flush());
export const state = (page: Page) =>
  page.evaluate(() => {
    let change: Tapedeck_.StateChange | undefined;
    Tapedeck.on("state", (latest) => {
      change ??= latest;
    })();
    return change?.state;
  });
export const recording = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        Tapedeck.on("state", ({ state }) => {
          if (state === "recording") resolve();
        });
      }),
  );

/** Has the page send what it has, again and again until `condition` gives something, and returns that. */
export async function uploaded<T>(
  page: Page,
  what: string,
  condition: () => T | undefined | false,
): Promise<T> {
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline) {
    await flush(page);
    const result = condition();
    if (result !== undefined && result !== false) return result;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited 15 s for ${what}`);
}
