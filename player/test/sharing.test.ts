/** Sharing, keeping and exporting a session, in Chromium. */

import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { inState, replayedText, seek } from "../../tests/harness/player.ts";
import { clockText, makeUp } from "./recording.ts";
import { GRANT, type Stack, startStack } from "./server.ts";

const START_MS = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;
const recording = makeUp({ startMs: START_MS, minutes: 6, chunkSeconds: 20, checkpointEvery: 6 });
const at = (second: number) => START_MS + second * 1000 + 20;

let browser: Browser;
let folder: string;
let stack: Stack;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  [browser, folder] = await Promise.all([
    launchBrowser(),
    mkdtemp(join(tmpdir(), "tapedeck-export-")),
  ]);
});
afterAll(() => browser.close());
beforeEach(async () => {
  stack = await startStack();
  stack.add(recording, { manifest: { version: 1, ...recording.manifest } as never });
  context = await browser.newContext();
  page = await context.newPage();
  await page.goto(stack.link(recording, `&at=${at(100)}`));
  await inState(page, "paused");
});
afterEach(async () => {
  await context.close();
  await stack.close();
});

it("a link opens the session without an account, and its grant leaves the address", async () => {
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await page.getByTestId("make-link").click();
  const link = await page.getByTestId("share-link").inputValue();
  expect(link).toBe(
    `${stack.player}/#/sessions/demo/${recording.session}?at=${at(100)}&grant=${GRANT}`,
  );
  const guest = await browser.newContext();
  const shared = await guest.newPage();
  await shared.goto(link);
  await inState(shared, "paused");
  expect(await replayedText(shared)).toContain(clockText(100));
  expect(shared.url()).not.toContain("grant");
  expect(await shared.getByRole("button", { name: "Share", exact: true }).count()).toBe(0);
  // Kept as long as the tab: another tab of the same browser does not have it.
  await shared.reload();
  await inState(shared, "paused");
  const other = await guest.newPage();
  await other.goto(shared.url());
  await inState(other, "locked");
  await guest.close();
});

it("keeps and erases, after asking once more, and tells how it goes", async () => {
  await page.getByRole("button", { name: "Keep or erase" }).click();
  await page.getByTestId("pin").click();
  await page.getByText("Keeping: Done.").waitFor();
  await page.getByTestId("erase").click();
  expect(stack.calls.filter((call) => call.startsWith("DELETE"))).toEqual([]);
  await page.getByTestId("erase-now").click();
  await page.getByText("Erasing: Done.").waitFor();
  expect(stack.calls).toContain(`DELETE /v1/projects/demo/sessions/${recording.session}`);
});

async function exported(label: string): Promise<string> {
  await page.getByRole("button", { name: "Export" }).click();
  await page.getByRole("radio", { name: label }).check();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByTestId("export").click(),
  ]);
  const path = join(folder, `${label}-${download.suggestedFilename()}`);
  await download.saveAs(path);
  return path;
}

it("exports a page that plays by itself, offline and from the disk", async () => {
  const path = await exported("Web page");
  const alone = await browser.newContext({ offline: true });
  const shown = await alone.newPage();
  const asked: string[] = [];
  const complaints: string[] = [];
  shown.on("request", (request) => asked.push(request.url()));
  shown.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await shown.goto(pathToFileURL(path).href);
  await inState(shown, "paused");
  await seek(shown, at(300));
  await expect.poll(() => replayedText(shown)).toContain(clockText(300));
  expect(asked.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"))).toEqual([]);
  expect(complaints).toEqual([]);
  await alone.close();
});

it("exports a tape that plays when dropped", async () => {
  const path = await exported("Tape");
  await page.goto(`${stack.player}/#/`);
  await page.getByTestId("file").setInputFiles(path);
  await inState(page, "paused");
  await seek(page, at(200));
  await expect.poll(() => replayedText(page)).toContain(clockText(200));
});

it("exports events that rrweb's own players read", async () => {
  const { readFile } = await import("node:fs/promises");
  const events = JSON.parse(await readFile(await exported("rrweb events"), "utf8")) as {
    type: number;
  }[];
  expect(events).toHaveLength(recording.chunks.flatMap((chunk) => chunk.events).length);
  expect(events.filter(({ type }) => type === 2).length).toBe(3);
});

it("exports the events of all page loads", async () => {
  const { readFile } = await import("node:fs/promises");
  const loads = JSON.parse(await readFile(await exported("Events of all page loads"), "utf8")) as {
    page: string;
    url: string;
    events: { timestamp: number }[];
  }[];
  expect(loads.map(({ page, url }) => [page, url])).toEqual(
    recording.manifest.pages.map(({ page, opening }) => [page, opening?.url]),
  );
  for (const { page, events } of loads) {
    const stored = recording.chunks.filter((chunk) => chunk.page === page);
    expect(events.map(({ timestamp }) => timestamp)).toEqual(
      stored
        .flatMap(({ events }) => events.map(({ timestamp }) => timestamp))
        .sort((a, b) => a - b),
    );
  }
});
