/** What is replayed is what was there: after each kind of event that rrweb knows, and for a page of 5 MB. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { eventWithTime } from "@rrweb/types";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { differing } from "../../tests/harness/pictures.ts";
import { inState, replayed, replayedText, seek } from "../../tests/harness/player.ts";
import {
  checkpoint,
  clockText,
  manifestOf,
  type Recording,
  sessionIdAt,
  storedChunk,
} from "./recording.ts";
import { type Stack, startStack } from "./server.ts";

const RECORDER = new URL(
  "../../node_modules/@rrweb/record/dist/record.umd.min.cjs",
  import.meta.url,
);
const VIEWPORT = { width: 640, height: 720 };
/** Of the picture's pixels, how many may differ: text is smoothed anew at each scale. */
const DIFFERENT_MAX = 0.01;

let browser: Browser;
let stack: Stack;

beforeAll(async () => {
  [browser, stack] = await Promise.all([launchBrowser(), startStack()]);
});
afterAll(async () => {
  await browser.close();
  await stack.close();
});

interface Seen {
  atMs: number;
  tells: unknown;
  picture: Buffer;
}

/** What a page shows that rrweb's kinds of events can change. Runs in browsers, so it stands alone. */
function tells(): unknown {
  const $ = (id: string) => document.getElementById(id) as HTMLElement;
  const box = getComputedStyle($("box"));
  return {
    texts: ["title", "list", "scroll"].map((id) => $(id).textContent),
    values: ["text", "area", "choice"].map((id) => ($(id) as HTMLInputElement).value),
    checked: ($("check") as HTMLInputElement).checked,
    scrolled: $("scroll").scrollTop,
    box: [box.width, box.backgroundColor, box.borderTopWidth, box.borderTopLeftRadius],
    colour: getComputedStyle($("title")).color,
    open: ($("more") as HTMLDetailsElement).open,
    shadow: $("host").shadowRoot?.querySelector("#inner")?.textContent,
    frame: ($("frame") as HTMLIFrameElement).contentDocument?.querySelector("#framed")?.textContent,
  };
}

async function recordKinds(): Promise<{ recording: Recording; seen: Seen[] }> {
  const context = await browser.newContext({ viewport: VIEWPORT, colorScheme: "light" });
  const page = await context.newPage();
  const events: eventWithTime[] = [];
  await page.exposeFunction("__emit", (event: eventWithTime) => void events.push(event));
  await page.route("http://kinds.example/", async (route) =>
    route.fulfill({
      contentType: "text/html",
      body: await readFile(new URL("./kinds.html", import.meta.url), "utf8"),
    }),
  );
  await page.goto("http://kinds.example/");
  await page.addScriptTag({ content: await readFile(fileURLToPath(RECORDER), "utf8") });
  await page.evaluate(() => {
    const { rrwebRecord, __emit } = globalThis as unknown as {
      rrwebRecord: { record(options: object): void };
      __emit(event: unknown): void;
    };
    rrwebRecord.record({ emit: __emit });
  });
  const seen: Seen[] = [];
  const look = async () => {
    // Nothing changes for a moment on either side, so that what is seen has one time.
    await page.mouse.move(1, 1);
    await page.waitForTimeout(120);
    const atMs = await page.evaluate(() => Date.now());
    seen.push({
      atMs,
      tells: await page.evaluate(tells),
      picture: await page.screenshot({ caret: "initial" }),
    });
    await page.waitForTimeout(60);
  };
  await look();
  const steps = await page.evaluate(() =>
    Object.keys((globalThis as unknown as { steps: object }).steps),
  );
  for (const step of steps) {
    await page.evaluate(
      (step) => (globalThis as unknown as { steps: Record<string, () => void> }).steps[step]?.(),
      step,
    );
    await look();
  }
  await page.locator("#text").fill("typed");
  await page.locator("#area").fill("two\nlines");
  await page.locator("#check").check();
  await page.locator("#choice").selectOption("two");
  await page.locator("#choice").blur();
  await look();
  // The last look is not later than the last event.
  await page.evaluate(() => document.body.setAttribute("data-end", ""));
  await page.waitForTimeout(600);
  await context.close();
  const session = sessionIdAt(events[0]?.timestamp ?? 0);
  const chunks = [storedChunk("kkkkkkkk", 0, events)];
  const manifest = manifestOf("demo", session, chunks);
  return { recording: { project: "demo", session, chunks, manifest, probes: [] }, seen };
}

it("after each kind of rrweb's events the page is the recorded one, to the pixel", async () => {
  const { recording, seen } = await recordKinds();
  stack.add(recording);
  const context = await browser.newContext({
    viewport: { width: 1280, height: 1000 },
    colorScheme: "light",
  });
  const page = await context.newPage();
  const blank = await context.newPage();
  await page.goto(stack.link(recording));
  await inState(page, "paused");
  await page.getByTestId("size").selectOption("real");
  // On whole pixels, and without what the recorded page did not have.
  await page.addStyleTag({
    content: ".room { place-items: start !important } .replayer-mouse { visibility: hidden }",
  });
  // Also backwards: what was done is undone.
  const backwards = [...seen].reverse().filter((_, index) => index % 4 === 2);
  for (const { atMs, tells: expected, picture } of [...seen, ...backwards]) {
    await seek(page, atMs);
    await inState(page, "paused");
    await expect.poll(async () => (await replayed(page)).evaluate(tells)).toEqual(expected);
    const box = await page.locator(".sheet").boundingBox();
    if (box === null) throw new Error("no picture is shown");
    const shot = await page.screenshot({ clip: { x: box.x, y: box.y, ...VIEWPORT } });
    expect(await differing(blank, picture, shot)).toBeLessThan(DIFFERENT_MAX);
  }
  await context.close();
}, 120_000);

it("a snapshot of 5 MB is shown, and can be moved about in", async () => {
  const startMs = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;
  const rows = Array.from({ length: 20_000 }, (_, row) => ({
    type: 2,
    tagName: "p",
    attributes: {
      class: `row row-${row}`,
      title: `the ${row}th of many rows, with a title that is long`,
    },
    childNodes: [
      { type: 3, textContent: `row ${row} ${"and so on ".repeat(5)}`, id: 100_001 + row * 2 },
    ],
    id: 100_000 + row * 2,
  }));
  const change = (second: number) => ({
    type: 3,
    timestamp: startMs + second * 1000,
    data: {
      source: 0,
      texts: [{ id: 8, value: clockText(second) }],
      attributes: [],
      removes: [],
      adds: [],
    },
  });
  const events = [...checkpoint(startMs, 0, rows), ...[1, 2, 3, 4, 5, 6, 7, 8].map(change)];
  const chunks = [storedChunk("gggggggg", 0, events as eventWithTime[])];
  const [chunk] = chunks;
  expect(JSON.stringify(chunk?.events).length).toBeGreaterThan(5_000_000);
  const session = sessionIdAt(startMs);
  const manifest = manifestOf("demo", session, chunks);
  stack.add({ project: "demo", session, chunks, manifest, probes: [] });
  const page = await browser.newPage();
  await page.goto(stack.link({ project: "demo", session, chunks, manifest, probes: [] }));
  await inState(page, "paused");
  for (const second of [7, 3, 5]) {
    await seek(page, startMs + second * 1000 + 500);
    await expect
      .poll(() => replayedText(page))
      .toMatch(new RegExp(`^\\s*${clockText(second)}row 0 `));
  }
  expect(await (await replayed(page)).locator(".row").count()).toBe(20_000);
  await page.close();
});
