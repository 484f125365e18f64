/** The sources beside the edge, in Chromium: a dropped tape, a tape by URL or from the edge, a manifest on any host. */

import { readFile } from "node:fs/promises";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { inState, replayedText, seek } from "../../tests/harness/player.ts";
import { encodeTape, inTapeOrder } from "../src/export/tape.ts";
import { clockText, makeUp } from "./recording.ts";
import { type Stack, startStack } from "./server.ts";

const START_MS = Math.floor(Date.now() / 1000) * 1000 - 7_200_000;
const hour = makeUp({ startMs: START_MS, minutes: 60, chunkSeconds: 30, checkpointEvery: 6 });
const at = (second: number) => START_MS + second * 1000 + 20;

let browser: Browser;
let tape: Uint8Array;
let stack: Stack;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
  const lines = inTapeOrder([...hour.chunks]).map(({ page, seq, hash, events }) => ({
    page,
    seq,
    hash,
    lines: events.map((event) => JSON.stringify(event)),
  }));
  tape = new Uint8Array(await (await encodeTape(hour.manifest, lines, "test")).arrayBuffer());
});
afterAll(() => browser.close());
beforeEach(async () => {
  stack = await startStack();
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(async () => {
  await context.close();
  await stack.close();
});

it("a tape from the disk plays without any network", async () => {
  await page.goto(stack.player);
  const input = page.getByTestId("file");
  await input.waitFor();
  // Everything of the player itself is fetched before: with the first screen only its largest parts are missing.
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await input.setInputFiles({
    name: "session.tape",
    mimeType: "application/octet-stream",
    buffer: Buffer.from(tape),
  });
  await inState(page, "paused");
  await seek(page, at(2_820));
  await expect.poll(() => replayedText(page)).toContain(clockText(2_820));
  const foreign = asked.filter((url) => !url.startsWith(stack.player) && !url.startsWith("blob:"));
  expect(foreign).toEqual([]);
  expect(stack.fetched).toEqual([]);
  expect(stack.calls).toEqual([]);
  // And with the network gone, any other moment.
  await context.setOffline(true);
  await seek(page, at(600));
  await expect.poll(() => replayedText(page)).toContain(clockText(600));
});

it("a file that is no tape says so", async () => {
  await page.goto(stack.player);
  await page
    .getByTestId("file")
    .setInputFiles({ name: "a.tape", mimeType: "", buffer: Buffer.from("hello") });
  await page.getByText("This file does not play").waitFor();
});

it("a tape by URL opens at a moment with two ranges", async () => {
  const url = stack.addFile("hour.tape", tape);
  await page.goto(`${stack.player}/#/play?tape=${encodeURIComponent(url)}&at=${at(2_820)}`);
  await inState(page, "paused");
  expect(await replayedText(page)).toContain(clockText(2_820));
  expect(stack.fetched).toEqual(["hour.tape", "hour.tape"]);
  expect(stack.behaviour.bytes).toBeLessThan(tape.length / 4);
});

it.each([
  ["in place of a manifest that has expired", null],
  ["beside its manifest", hour.manifest],
])("a tape that the edge names, %s, opens with two ranges", async (_, manifest) => {
  stack.addTape(hour, tape, {
    manifest: manifest === null ? null : ({ version: 1, ...manifest } as typeof manifest),
  });
  await page.goto(stack.link(hour, `&at=${at(2_820)}`));
  await inState(page, "paused");
  expect(await replayedText(page)).toContain(clockText(2_820));
  expect(stack.calls).toHaveLength(1);
  expect(stack.fetched).toHaveLength(2);
});

it("a manifest and chunks play from any host", async () => {
  const url = stack.addFile(
    "copy/manifest.json",
    Buffer.from(JSON.stringify({ version: 1, ...hour.manifest })),
  );
  for (const chunk of hour.chunks) stack.addFile(`copy/chunks/${chunk.name}.ndjson.gz`, chunk.body);
  await page.goto(
    `${stack.player}/#/play?manifest=${encodeURIComponent(url)}&chunks=chunks&at=${at(1_000)}`,
  );
  await inState(page, "paused");
  expect(await replayedText(page)).toContain(clockText(1_000));
  expect(stack.fetched.length).toBeLessThanOrEqual(8);
  expect(stack.calls).toEqual([]);
  await page.goto(`${stack.player}/#/play?manifest=${encodeURIComponent(`${url}.missing`)}`);
  await inState(page, "failed");
});

/** Opens a tape by the encoder of the archive: what it holds is told in tests/tapes.rs. */
async function openFixture(name: string): Promise<void> {
  const path = new URL(`../../tests/fixtures/tapes/${name}`, import.meta.url);
  const url = stack.addFile(name, await readFile(path));
  await page.goto(`${stack.player}/#/play?tape=${encodeURIComponent(url)}`);
  await inState(page, "paused");
}

async function expectAt(second: number, text: string): Promise<void> {
  await seek(page, 1_700_000_000_000 + second * 1000 + 500);
  await expect.poll(() => replayedText(page)).toBe(`${text}Buy`);
}

it("a tape by another encoder plays, over its hole and both its page loads", async () => {
  await openFixture("two-pages.tape");
  for (const second of [45, 171, 75, 125, 140]) await expectAt(second, `${second} s, grüße ✓`);
  await expectAt(0, "0 s");
  await expectAt(100, "89 s, grüße ✓");
  await page.getByTestId("remark").getByText("Nothing was stored here").waitFor();
  expect(await page.getByTestId("hole").count()).toBe(1);
});

it("a damaged frame of a tape is a hole, and the others play", async () => {
  await openFixture("damaged-frame.tape");
  for (const second of [140, 45, 75]) await expectAt(second, `${second} s, grüße ✓`);
  await expectAt(125, "89 s, grüße ✓");
  await page.getByTestId("remark").getByText("Nothing was stored here").waitFor();
});
