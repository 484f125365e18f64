/** The player in a frame of another page: its messages, the element that wraps it, and who may drive it. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { makeUp } from "./recording.ts";
import { GRANT, type Stack, startStack } from "./server.ts";

const START_MS = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;
const recording = makeUp({ startMs: START_MS, minutes: 5, chunkSeconds: 20, checkpointEvery: 6 });

let browser: Browser;
let desk: Server;
let origin: string;
let body: string;
let stack: Stack;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
  desk = createServer(
    (_, response) => void response.setHeader("Content-Type", "text/html").end(body),
  );
  await new Promise<void>((resolve) => desk.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(desk.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await browser.close();
  desk.closeAllConnections();
  desk.close();
});
beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(async () => {
  await context.close();
  await stack.close();
});

async function embed(embedders: string[]): Promise<void> {
  stack = await startStack(embedders);
  stack.add(recording);
  const link = `${stack.player}/#/sessions/demo/${recording.session}?grant=${GRANT}`;
  body = `<!doctype html><script type="module" src="${stack.player}/tapedeck-player.js"></script>
    <tapedeck-player src="${link}" style="width:900px;height:600px"></tapedeck-player>
    <script>
      const player = document.querySelector("tapedeck-player");
      window.told = [];
      for (const type of ["ready", "state", "time", "error"]) player.addEventListener(type, (event) => told.push(event.detail));
    </script>`;
  await page.goto(origin);
}

type Player = HTMLElement & {
  state: string;
  timeMs: number;
  startMs: number;
  play(): void;
  pause(): void;
  seek(ms: number): void;
  speed: number;
};
const state = () =>
  page.evaluate(() => (document.querySelector("tapedeck-player") as Player).state);

it("loads, plays, pauses, seeks, and tells of it", async () => {
  await embed([origin]);
  await expect.poll(state, { timeout: 15_000 }).toBe("paused");
  await page.evaluate(
    (ms) => (document.querySelector("tapedeck-player") as Player).seek(ms),
    START_MS + 100_000,
  );
  await expect
    .poll(() => page.evaluate(() => (document.querySelector("tapedeck-player") as Player).timeMs))
    .toBe(START_MS + 100_000);
  await page.evaluate(() => {
    const player = document.querySelector("tapedeck-player") as Player;
    player.speed = 4;
    player.play();
  });
  await expect.poll(state).toBe("playing");
  await expect
    .poll(() =>
      page.evaluate(
        (ms) => (document.querySelector("tapedeck-player") as Player).timeMs > ms,
        START_MS + 102_000,
      ),
    )
    .toBe(true);
  await page.evaluate(() => (document.querySelector("tapedeck-player") as Player).pause());
  await expect.poll(state).toBe("paused");
  const types = await page.evaluate(() =>
    (globalThis as unknown as { told: { type: string }[] }).told.map(({ type }) => type),
  );
  expect(new Set(types)).toEqual(new Set(["ready", "state", "time"]));
  // The grant is in no address of the frame, and nothing is kept of it.
  const frame = page.frames().find((frame) => frame.url().includes("embed.html"));
  expect(frame?.url()).toBe(`${stack.player}/embed.html`);
  expect(await frame?.evaluate(() => sessionStorage.length)).toBe(0);
});

it("is not shown on a page that may not embed it", async () => {
  const refused: string[] = [];
  page.on("console", (message) => refused.push(message.text()));
  await embed(["https://desk.example"]);
  await expect.poll(() => refused.join(" ")).toContain("frame-ancestors");
  expect(stack.calls).toEqual([]);
});

it("does not listen to other windows, nor to what is no command", async () => {
  await embed([origin]);
  await expect.poll(state, { timeout: 15_000 }).toBe("paused");
  await page.evaluate((target) => {
    // A frame beside the player, of an origin that may embed but is not the page around.
    const other = document.createElement("iframe");
    other.srcdoc = `<script>parent.frames[0].postMessage({ tapedeck: 1, type: "play" }, "*")</script>`;
    document.body.append(other);
    frames[0]?.postMessage({ type: "play" }, target);
    frames[0]?.postMessage("play", target);
  }, stack.player);
  await page.waitForTimeout(500);
  expect(await state()).toBe("paused");
});
