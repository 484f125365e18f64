// The player as somebody who watches uses it, and what that costs in requests.

import type { Frame, Page } from "playwright-core";
import type { Up } from "../harness/stack.ts";
import { until } from "../harness/until.ts";

/** Requests to the bucket while a page was open. */
export interface Traffic {
  chunks: string[];
  bytes: number;
}

/** Counts what a page fetches from the bucket. Call before opening anything. */
export function countTraffic(page: Page, up: Up): Traffic {
  const traffic: Traffic = { chunks: [], bytes: 0 };
  page.on("response", async (response) => {
    const url = new URL(response.url());
    if (url.origin !== new URL(up.bucket.endpoint).origin || response.request().method() !== "GET")
      return;
    traffic.chunks.push(url.pathname);
    traffic.bytes += Number(response.headers()["content-length"] ?? 0);
  });
  return traffic;
}

/** A link to a session, as the shop's "watch this" makes it. */
export function link(up: Up, session: string, at?: number | "end"): string {
  const query = new URLSearchParams({ token: up.viewer_token });
  if (at !== undefined) query.set("at", String(at));
  return `${up.player}/#/sessions/${up.project}/${session}?${query}`;
}

/** Waits until the player shows a picture and is in one of the given states. */
export async function settled(page: Page, states = ["paused", "playing", "ended"]): Promise<void> {
  const selector = states.map((state) => `[data-testid=player][data-state=${state}]`).join(",");
  await page.locator(selector).waitFor();
}

/** Clicks the timeline at a moment, and waits until the player is there and paused. */
export async function seek(page: Page, at_ms: number): Promise<void> {
  if ((await page.getByTestId("player").getAttribute("data-state")) === "playing") {
    await page.getByTestId("play").click();
  }
  await settled(page, ["paused", "ended"]);
  const player = page.getByTestId("player");
  const [start, end] = await Promise.all(
    ["data-start-ms", "data-end-ms"].map(async (name) => Number(await player.getAttribute(name))),
  );
  if (start === undefined || end === undefined) throw new Error("the player shows no times");
  const box = await page.getByTestId("timeline").boundingBox();
  if (box === null) throw new Error("the timeline is not visible");
  await page.mouse.click(
    box.x + (box.width * (at_ms - start)) / (end - start),
    box.y + box.height / 2,
  );
  const slack_ms = (end - start) / box.width + 50;
  await until(`the player is paused at ${at_ms}`, async () => {
    const [state, time] = await Promise.all(
      ["data-state", "data-time-ms"].map((name) => player.getAttribute(name)),
    );
    if (state === "paused" && Math.abs(Number(time) - at_ms) <= slack_ms) return true;
    throw new Error(`it is ${state} at ${time}`);
  });
}

/** The frame in which the recorded page is rebuilt. */
export async function replayed(page: Page): Promise<Frame> {
  const frame = await (await page.locator("iframe").first().elementHandle())?.contentFrame();
  if (!frame) throw new Error("there is no replayed page");
  return frame;
}
