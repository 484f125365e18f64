/** The watching screen in Chromium: what one can do with the picture, and what stands beside it. */

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { inState, replayed, replayedText, seek, told } from "../../tests/harness/player.ts";
import {
  checkpoint,
  clockText,
  makeUp,
  manifestOf,
  type Recording,
  record,
  sessionIdAt,
  storedChunk,
} from "./recording.ts";
import { type Stack, startStack } from "./server.ts";
import { TRACE, telling } from "./telling.ts";

const START = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;
const recording = telling(START, 2_000);

let browser: Browser;
let stack: Stack;
let context: BrowserContext;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

beforeEach(async () => {
  stack = await startStack();
  stack.add(recording);
  complaints = [];
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
});
afterEach(async () => {
  await context.close();
  await stack.close();
  expect(complaints).toEqual([]);
});

function at(second: number): number {
  return START + second * 1000;
}

async function open(second: number, watched: Recording = recording): Promise<void> {
  await page.goto(stack.link(watched, `&at=${START + second * 1000}`));
  await inState(page, "paused");
  await page.getByRole("tab", { name: "Events" }).waitFor();
}

const tab = (name: string) => page.getByRole("tab", { name }).click();
const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
const second = async () => ((await told(page)).timeMs - START) / 1000;

describe("the picture", () => {
  it("goes from event to event, both ways, over the ends of what is loaded", async () => {
    await open(5);
    await page.keyboard.press(".");
    expect(await second()).toBe(6);
    await page.keyboard.press(",");
    await page.keyboard.press(",");
    expect(await second()).toBe(4);
    expect(await replayedText(page)).toBe(clockText(4));
    await seek(page, at(59.6));
    await inState(page, "paused");
    await page.keyboard.press(".");
    await expect.poll(() => replayedText(page)).toBe(clockText(60));
    await page.keyboard.press(",");
    await expect.poll(() => replayedText(page)).toBe(clockText(59));
  });

  it("skips what is idle, which the timeline shows", async () => {
    await open(60);
    expect(await page.getByTestId("idle").count()).toBeGreaterThan(1);
    await page.keyboard.press("s");
    await page.getByTestId("play").click();
    await page.getByTestId("remark").getByText("in which nothing was done").waitFor();
    await page.getByTestId("play").click();
    const { timeMs } = await inState(page, "paused");
    expect(timeMs).toBeGreaterThanOrEqual(at(118));
    expect(await replayedText(page)).toBe(clockText(Math.floor((timeMs - START) / 1000)));
    await page.reload();
    await inState(page, "paused");
    expect(await page.getByTestId("skip-idle").getAttribute("aria-pressed")).toBe("true");
  });

  it("tells clicks, dead clicks and rage apart", async () => {
    const looks = () =>
      page.getByTestId("press").evaluateAll((all) => all.map((press) => press.dataset.look));
    await open(31.2);
    await tab("Network");
    await page.getByTestId("coverage").waitFor({ state: "detached" });
    expect(await looks()).toEqual(["dead"]);
    await page.getByTestId("press").getByText("nothing happened").waitFor();
    await seek(page, at(55.2));
    await expect.poll(looks).toEqual(["click"]);
    await seek(page, at(120.75));
    await expect.poll(looks).toEqual(["rage", "rage", "rage"]);
    await seek(page, at(100));
    await expect.poll(looks).toEqual([]);
  });

  it("can be fitted to the width, shown in real size, and fill the screen", async () => {
    await open(10);
    const size = () =>
      page.locator(".sheet").evaluate((sheet) => [sheet.clientWidth, sheet.clientHeight]);
    const fitted = await size();
    await page.getByTestId("size").selectOption("real");
    expect(await size()).toEqual([960, 540]);
    await page.setViewportSize({ width: 1280, height: 500 });
    await page.keyboard.press("z");
    await page.keyboard.press("z");
    const [width = 0] = await size();
    expect(width).toBeGreaterThan(fitted[0] === undefined ? 0 : 800);
    await page.keyboard.press("f");
    await page.getByRole("button", { name: "Leave fullscreen" }).waitFor();
    expect(await page.getByRole("tablist").isVisible()).toBe(false);
    await page.keyboard.press("f");
    await page.getByRole("button", { name: "Fullscreen", exact: true }).waitFor();
  });

  it("shows the pointer's trail where that is wished, and forgets it where it is not", async () => {
    const moves = Array.from({ length: 80 }, (_, n) => ({
      type: 3,
      timestamp: at(1) + n * 50,
      data: { source: 1, positions: [{ x: 20 + n * 9, y: 40 + n * 4, id: 7, timeOffset: 0 }] },
    }));
    const events = [...checkpoint(at(0), 0), ...moves] as Parameters<typeof storedChunk>[2];
    const chunks = [storedChunk("moves000", 0, events)];
    const session = sessionIdAt(START);
    const manifest = manifestOf("demo", session, chunks);
    const moving: Recording = { project: "demo", session, chunks, manifest, probes: [] };
    stack.add(moving);
    const drawn = () =>
      page.evaluate(() => {
        const canvas = document.querySelector<HTMLCanvasElement>("canvas.replayer-mouse-tail");
        const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height);
        return canvas?.checkVisibility() === true && pixels?.data.some((part) => part > 0) === true;
      });
    await open(1, moving);
    await page.getByTestId("speed").selectOption("0.5");
    await page.getByTestId("play").click();
    await expect.poll(drawn).toBe(true);
    await page.getByRole("button", { name: "Trail of the pointer" }).click();
    await expect.poll(drawn).toBe(false);
    await page.keyboard.press("m");
    await expect.poll(drawn).toBe(true);
  });

  it("previews a moment of the timeline, with what lies near it", async () => {
    await open(10);
    const box = await page.getByTestId("timeline").boundingBox();
    if (box === null) throw new Error("no timeline is shown");
    await page.mouse.move(box.x + (box.width * 58) / 179, box.y + box.height / 2);
    const preview = page.getByTestId("preview");
    expect(await preview.textContent()).toMatch(/0:5[78]/);
    expect(await preview.textContent()).toContain("TypeError: receipt is undefined");
    expect(await preview.textContent()).toContain("shop.example/checkout");
    // Dragging shows what is loaded on the way, and ends where it is let go.
    await page.mouse.move(box.x + (box.width * 12) / 179, box.y + 8);
    await page.mouse.down();
    for (let step = 12; step <= 30; step += 3)
      await page.mouse.move(box.x + (box.width * step) / 179, box.y + 8);
    await page.mouse.up();
    await expect.poll(() => replayedText(page)).toMatch(/second (29|30)/);
  });

  it("has a link to this very moment", async () => {
    await open(33);
    await page.keyboard.press("c");
    await page.getByText("Copied").waitFor();
    expect(await clipboard()).toBe(
      `${stack.player}/#/sessions/demo/${recording.session}?at=${at(33)}`,
    );
  });

  it("looks to the page as to the visitor: dark, and light once they changed it", async () => {
    const dark = async () =>
      (await replayed(page)).evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
    // What a test emulates holds in frames too, so it must emulate nothing.
    await page.emulateMedia({ colorScheme: null });
    await open(10);
    expect(await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches)).toBe(
      false,
    );
    await expect.poll(dark).toBe(true);
    await seek(page, at(85));
    await expect.poll(dark).toBe(false);
    // The player's own theme is another matter.
    await page.keyboard.press("d");
    await page.keyboard.press("d");
    expect(await page.locator("html").getAttribute("data-theme")).toBe("dark");
    expect(await dark()).toBe(false);
  });
});

describe("several tabs", () => {
  let tabbed: Recording;
  beforeAll(async () => {
    tabbed = await record(browser);
  });

  it("are switched by the player, or by hand", async () => {
    stack.add(tabbed);
    await page.goto(stack.link(tabbed));
    await inState(page, "paused");
    await page.getByRole("button", { name: "Tab 2" }).click();
    await expect.poll(async () => (await told(page)).page).toBe("bbbbbbbb");
    await page.keyboard.press("End");
    await inState(page, "paused", "ended");
    expect((await told(page)).page).toBe("bbbbbbbb");
    await page.getByRole("button", { name: "Auto" }).click();
    await expect.poll(async () => (await told(page)).page).toBe("cccccccc");
    await page.keyboard.press("t");
    await page.keyboard.press("Home");
    await expect.poll(async () => (await told(page)).page).toBe("aaaaaaaa");
    expect(await page.getByTestId("mark-page").count()).toBe(3);
  });
});

describe("beside the picture", () => {
  it("stands what is loaded, and the rest once it is read", async () => {
    await open(0);
    const fetched = stack.fetched.length;
    expect(await page.getByTestId("coverage").textContent()).toMatch(
      /Only what is loaded: \d+ of 18/,
    );
    await page.getByRole("button", { name: "Read all" }).click();
    await page.getByTestId("coverage").waitFor({ state: "detached" });
    // Each chunk once, and none of them is kept to be played.
    expect(stack.fetched.length).toBe(18);
    expect(new Set(stack.fetched).size).toBe(18);
    expect((await told(page)).fetched).toBeLessThanOrEqual(fetched);
    const texts = await page.getByTestId("entry").allTextContents();
    expect(texts.join("\n")).toContain("Clicked, and nothing happened: “Pay now”");
    expect(texts.join("\n")).toContain("Event: coupon.applied, code: SPRING, percent: 10");
  });

  it("can be stopped while it is read", async () => {
    await open(0);
    stack.behaviour.storeDelayMs = 500;
    await page.getByRole("button", { name: "Read all" }).click();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.locator("[data-coverage=part]").waitFor();
    expect(stack.fetched.length).toBeLessThan(18);
    stack.behaviour.storeDelayMs = 0;
    await page.getByRole("button", { name: "Read all" }).click();
    await page.getByTestId("coverage").waitFor({ state: "detached" });
  });

  it("the current entry is in step with the picture, until one scrolls", async () => {
    await open(0);
    await tab("Console");
    await page.getByTestId("coverage").waitFor({ state: "detached" });
    // Two thousand lines, of which a few are in the document.
    expect(await page.getByTestId("entry").count()).toBeLessThan(60);
    await seek(page, at(150));
    const current = page.locator("[data-testid=entry][aria-current=true]");
    await expect
      .poll(async () => Number(await current.getAttribute("data-at-ms")))
      .toBeGreaterThan(at(148));
    await expect.poll(() => current.isVisible()).toBe(true);
    await page.getByTestId("entries").hover();
    await page.mouse.wheel(0, -100_000);
    await page.getByTestId("entry").getByText("cart ready").waitFor();
    await page.keyboard.press("ArrowRight");
    await expect.poll(second).toBeGreaterThan(154);
    expect(await page.getByTestId("entry").getByText("cart ready").isVisible()).toBe(true);
    await page.getByTestId("follow").click();
    await expect.poll(() => current.isVisible()).toBe(true);
  });

  it("thirty thousand console lines are scrolled and searched as a few are", async () => {
    const many = telling(START, 30_000);
    stack.add(many);
    await open(0, many);
    await tab("Console");
    await page.getByTestId("coverage").waitFor({ state: "detached" });
    const entry = page.getByTestId("entry");
    await expect
      .poll(() => page.locator("[aria-setsize]").first().getAttribute("aria-setsize"))
      .toMatch(/^(29|30)\d{3}$/);
    expect(await entry.count()).toBeLessThan(60);
    await page.getByTestId("entries").hover();
    await page.mouse.wheel(0, 10_000_000);
    await entry.getByText("line 29999", { exact: true }).waitFor();
    expect(await entry.count()).toBeLessThan(60);
    await page.getByTestId("search").fill("line 29876");
    await expect.poll(() => entry.count()).toBe(1);
    await entry.click();
    expect((await inState(page, "paused")).timeMs).toBeGreaterThan(at(178));
  });

  it("console lines are found by level and word, and lead to their moment", async () => {
    await open(0);
    await tab("Console");
    await page.getByTestId("coverage").waitFor({ state: "detached" });
    for (const level of ["debug", "log", "info", "warn"])
      await page.getByRole("button", { name: level, exact: true }).click();
    await expect.poll(() => page.getByTestId("entry").count()).toBe(1);
    // Recorded text is text.
    expect(await page.getByTestId("entry").textContent()).toContain("payment failed <b>503</b>");
    await page.getByTestId("entry").click();
    expect((await inState(page, "paused")).timeMs).toBe(at(57));
    await page.keyboard.press("/");
    await page.keyboard.type("nowhere");
    await page.getByText("Nothing that is loaded matches.").waitFor();
  });

  it("requests are a waterfall, with a link to the trace", async () => {
    await open(50);
    await tab("Network");
    await page.getByTestId("coverage").waitFor({ state: "detached" });
    await page.getByTestId("entry").getByText("/api/pay").click();
    expect((await inState(page, "paused")).timeMs).toBe(at(56));
    const details = page.getByTestId("details");
    for (const text of ["POST", "503", "900 ms", "880 ms", "120 B", TRACE])
      expect(await details.textContent()).toContain(text);
    const link = details.getByTestId("trace-link");
    expect(await link.getAttribute("href")).toBe(`https://traces.example/trace/${TRACE}`);
    expect(await link.getAttribute("rel")).toContain("noopener");
  });

  it("an error that only the manifest tells of has its stack once it is read", async () => {
    await open(170);
    await page.keyboard.press("]");
    await page.keyboard.press("]");
    await page.keyboard.press("]");
    await page.getByTestId("error-entry").click();
    await page.getByTestId("frames").waitFor();
    expect(await page.getByTestId("frames").locator("li").allTextContents()).toEqual([
      expect.stringContaining("showReceipt"),
      expect.stringContaining("async pay"),
    ]);
    expect(await page.getByTestId("details").textContent()).toContain("Caused by HttpError");
  });

  it("what led to an error is told, and copied as Markdown", async () => {
    await open(170);
    await tab("Errors");
    await page.getByTestId("error-entry").click();
    await page.getByTestId("story").click();
    const dialog = page.getByTestId("story-dialog");
    await dialog.getByText("Clicked, and nothing happened:").waitFor();
    await dialog.getByTestId("copy-story").click();
    await dialog.getByText("Copied").waitFor();
    const markdown = await clipboard();
    expect(markdown).toContain("## ` TypeError: receipt is undefined `");
    expect(markdown).toContain("- −27.0 s: Clicked, and nothing happened: ` “Pay now” `");
    expect(markdown).toContain("- −1.0 s: console.error: ` payment failed <b>503</b> `");
    expect(markdown).toContain(`${recording.session}?at=${at(58)}>`);
    expect(markdown).not.toContain("token");
    await dialog.getByText("payment failed").click();
    expect((await inState(page, "paused")).timeMs).toBe(at(57));
  });

  it("vitals have their ratings, and the session its user, attributes and browser", async () => {
    await open(0);
    await tab("Vitals");
    await page.getByTestId("vital").first().waitFor();
    expect(await page.getByTestId("vital").allTextContents()).toEqual([
      expect.stringMatching(/LCP\s*1830 ms\s*good/),
      expect.stringMatching(/INP\s*640 ms\s*poor/),
      expect.stringMatching(/CLS\s*0\.140\s*needs improvement/),
    ]);
    await tab("Session");
    const panel = await page.getByRole("tabpanel").textContent();
    for (const text of [
      "u_17",
      "plan",
      "Chrome 156 on Linux",
      "shop@1.4.2",
      "Europe/Berlin",
      "960 × 540",
    ])
      expect(panel).toContain(text);
  });
});

describe("an hour", () => {
  it("at 16 times the speed and moved about in keeps few of its events", async () => {
    // 180 chunks of 20 s; each weighs, so that all of them would be more than is kept.
    const hour = makeUp({
      startMs: START - 3_600_000,
      minutes: 60,
      chunkSeconds: 20,
      checkpointEvery: 6,
      ballastBytes: 900_000,
    });
    stack.add(hour);
    await page.goto(stack.link(hour));
    await inState(page, "paused");
    const held = () =>
      page.getByTestId("player").evaluate((root) => Number(root.dataset.eventsHeld));
    const all = hour.chunks.reduce((sum, chunk) => sum + chunk.events.length, 0);
    let most = 0;
    // Just before a checkpoint, where a moment needs the most chunks.
    for (let minute = 1.9; minute < 60; minute += 6) {
      await seek(page, hour.manifest.started_ms + minute * 60_000);
      await inState(page, "paused");
      most = Math.max(most, await held());
    }
    await page.keyboard.press("Home");
    await page.getByTestId("speed").selectOption("16");
    await page.getByTestId("play").click();
    await page.waitForFunction(
      (ms) =>
        Number(document.querySelector<HTMLElement>("[data-testid=player]")?.dataset.timeMs) > ms,
      hour.manifest.started_ms + 45_000,
    );
    most = Math.max(most, await held());
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(all * 0.35);
    // What was let go is fetched again.
    expect(stack.fetched.length).toBeGreaterThan(new Set(stack.fetched).size);
  });
});

it("nothing moves that one has begun to read", async () => {
  interface Shift extends PerformanceEntry {
    value: number;
    sources: { node: Node | null; previousRect: DOMRect; currentRect: DOMRect }[];
  }
  await open(58);
  await page.waitForLoadState("networkidle");
  // No script that begins with the page: it would also begin in the replayed one, which lets none run.
  const shifts = await page.evaluate(
    () =>
      new Promise<{ value: number; what: string }[]>((resolve) => {
        const place = ({ x, y, width, height }: DOMRect) => [x, y, width, height].map(Math.round);
        new PerformanceObserver((list) => {
          // There are some always: the address and the clock are written once they are known.
          resolve(
            (list.getEntries() as Shift[]).map(({ value, sources }) => ({
              value,
              what: sources
                .map(
                  ({ node, previousRect, currentRect }) =>
                    `${node instanceof Element ? node.className : node?.nodeName} ${place(previousRect)} to ${place(currentRect)}`,
                )
                .join("; "),
            })),
          );
        }).observe({ type: "layout-shift", buffered: true });
      }),
  );
  const shifted = shifts.reduce((sum, { value }) => sum + value, 0);
  expect(shifted, JSON.stringify(shifts, null, 1)).toBeLessThan(0.02);
});
