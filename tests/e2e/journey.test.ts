// The whole path on real input: a visit to the demo shop becomes a session that can be watched, and holds no secret.

import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { launchBrowser } from "../harness/browser.ts";
import { Bucket } from "../harness/bucket.ts";
import { inState, replayed, seek } from "../harness/player.ts";
import { manifestOf } from "./manifest.ts";
import { keysWith, readAll } from "./objects.ts";
import { CARD, PASSWORD, type Visit, visit } from "./shop.ts";
import { countTraffic, link } from "./watching.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);

let browser: Browser;
let seen: Visit;

beforeAll(async () => {
  browser = await launchBrowser();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  seen = await visit(context, stack.up.demo);
  await context.close();
});

afterAll(() => browser?.close());

const wholeManifest = () =>
  manifestOf(stack, seen.session, (manifest) => manifest.ended_ms > seen.ended_ms - 3_000);

describe("half a minute in the demo shop", () => {
  test("becomes one session of two page loads and a second tab", async () => {
    const manifest = await wholeManifest();
    expect(seen.ended_ms - seen.started_ms).toBeGreaterThan(25_000);
    expect(manifest.pages).toHaveLength(3);
    expect(new Set(manifest.pages.map(({ opening }) => opening?.tab)).size).toBe(2);
    expect(manifest.gaps ?? []).toEqual([]);
    expect(manifest.counts.errors).toBe(1);
    expect(manifest.started_ms).toBeGreaterThan(seen.started_ms - 1_000);
  });

  test("shows in the player what was on the screen, for a few chunks of the bucket", async () => {
    const manifest = await wholeManifest();
    const page = await browser.newPage();
    const traffic = countTraffic(page, stack.up);
    await page.goto(link(stack.up, seen.session));
    await inState(page, "paused");
    expect(page.url(), "the token leaves the address bar").not.toContain(stack.up.viewer_token);

    const middle_ms = (manifest.started_ms + manifest.ended_ms) / 2;
    const fromMiddle = (ms: number) => Math.abs(ms - middle_ms);
    // What was looked at last may be later than anything that happened.
    const during = seen.sights.filter(({ at_ms }) => at_ms < manifest.ended_ms);
    expect(during.length).toBeGreaterThanOrEqual(seen.sights.length - 1);
    const sights = during.sort((a, b) => fromMiddle(a.at_ms) - fromMiddle(b.at_ms));
    for (const sight of sights) {
      await seek(page, sight.at_ms);
      await inState(page, "paused");
      const heading = (await replayed(page)).locator("h1").first();
      const when = `${sight.at_ms - manifest.started_ms} ms after the start`;
      expect(await heading.textContent(), when).toBe(sight.heading);
    }

    // No chunk is fetched twice.
    expect(new Set(traffic.chunks).size).toBe(traffic.chunks.length);
    expect(traffic.chunks.length).toBeGreaterThan(0);
    expect(traffic.chunks.length).toBeLessThanOrEqual(manifest.counts.chunks);
    expect(traffic.bytes).toBeGreaterThan(0);
    expect(traffic.bytes).toBeLessThanOrEqual(manifest.counts.bytes);
    expect(await page.getByTestId("error-mark").count()).toBe(1);
    await page.close();
  });

  test("tells beside the picture what happened, and what led to the error", async () => {
    await wholeManifest();
    const page = await browser.newPage();
    await page.goto(link(stack.up, seen.session));
    await inState(page, "paused");
    const panel = async (name: string) => {
      await page.getByRole("tab", { name }).click();
      await page.getByTestId("coverage").waitFor({ state: "detached" });
    };
    await panel("Network");
    await page.getByTestId("search").fill("fail");
    await page.getByTestId("entry").first().waitFor();
    await panel("Errors");
    await page.getByTestId("search").fill("");
    await page.getByTestId("error-entry").click();
    await page.getByTestId("frames").waitFor();
    await page.getByTestId("story").click();
    const story = page.getByTestId("story-dialog");
    await story.getByText("Clicked").first().waitFor();
    expect(await story.textContent()).not.toContain(CARD);
    await page.close();
  });

  test("leaves no card number and no password anywhere in the bucket", async () => {
    await wholeManifest();
    const needles = [CARD, CARD.replace(/(....)(?=.)/g, "$1 "), PASSWORD];
    const planted = "chunks/planted.ndjson.gz";
    await bucket.put(planted, gzipSync(`{"data":{"text":"${CARD}"}}`));
    expect(keysWith(await readAll(bucket), needles), "the search finds what is there").toEqual([
      planted,
    ]);
    await bucket.remove(planted);

    const objects = await readAll(bucket);
    const heading = seen.sights[0]?.heading ?? "nothing was seen";
    expect(keysWith(objects, [heading]), "the visit is in the bucket").not.toEqual([]);
    expect(keysWith(objects, needles)).toEqual([]);
  });
});
