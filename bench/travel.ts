// From a click in the demo shop to that moment being watchable, and what one session asks of the bucket.

import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { manifestOf } from "../tests/e2e/manifest.ts";
import { enter, visit } from "../tests/e2e/shop.ts";
import { launchBrowser } from "../tests/harness/browser.ts";
import { type Counters, readCounters, type Stack, startStack } from "../tests/harness/stack.ts";
import { until } from "../tests/harness/until.ts";
import { type Figure, median, report, round } from "./frame.ts";

const CLICKS = 9;
// rrweb: an incremental snapshot of source mouse interaction, type click.
const IS_CLICK = /"type":3,.*"source":2,"type":2\b/;

/** Seconds from each of several clicks until a viewer can fetch the event of it. */
async function clickToWatchable(stack: Stack): Promise<number[]> {
  const browser = await launchBrowser();
  const page = await browser.newPage();
  const session = await enter(page, stack.up.demo);
  const seconds: number[] = [];
  for (let i = 0; i < CLICKS; i++) {
    const clicked_ms = Date.now();
    await page.getByTestId("add-to-cart").nth(i).click();
    await until("the click is watchable", () => isWatchable(stack, session, clicked_ms), 60_000);
    seconds.push((Date.now() - clicked_ms) / 1000);
  }
  await browser.close();
  return seconds;
}

/** Whether a viewer who asks now is given a chunk with a click at or after a moment. */
async function isWatchable(
  stack: Stack,
  session: string,
  from_ms: number,
): Promise<true | undefined> {
  const { edge, project, viewer_token } = stack.up;
  const answer = await fetch(`${edge}/v1/projects/${project}/sessions/${session}?at=end`, {
    headers: { Authorization: `Bearer ${viewer_token}` },
  });
  if (!answer.ok) return undefined;
  const { urls } = (await answer.json()) as { urls: Record<string, string> };
  for (const url of Object.values(urls).reverse()) {
    const chunk = await fetch(url);
    const lines = gunzipSync(Buffer.from(await chunk.arrayBuffer()))
      .toString("utf8")
      .split("\n");
    const found = lines.some(
      (line) => IS_CLICK.test(line) && JSON.parse(line).timestamp >= from_ms,
    );
    if (found) return true;
  }
  return undefined;
}

/** Requests to the bucket, by who made them and of what kind, and the uploads that caused them. */
async function requestsOfASession(stack: Stack): Promise<{ uploads: number; requests: number }> {
  const before = await readCounters(stack);
  const browser = await launchBrowser();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const seen = await visit(context, stack.up.demo);
  await browser.close();
  // What a closing page sends is on its way for a moment; then the queue is empty and nothing is asked any more.
  let last = -1;
  await until("the bucket is left alone", async () => {
    const { queue, ...now } = await readCounters(stack);
    const isQuiet = queue.visible + queue.invisible === 0 && total(now) === last;
    last = total(now);
    await sleep(2_000);
    return isQuiet || undefined;
  });
  const after = await readCounters(stack);
  const { counts } = await manifestOf(stack, seen.session, () => true);
  return { uploads: counts.chunks, requests: total(after) - total(before) };
}

function total({ bucket }: Pick<Counters, "bucket">): number {
  return Object.values(bucket)
    .flatMap((operations) => Object.values(operations))
    .reduce((sum, { requests }) => sum + requests, 0);
}

const stack = await startStack();
try {
  const seconds = await clickToWatchable(stack);
  const { uploads, requests } = await requestsOfASession(stack);
  const figures: Figure[] = [
    {
      id: "click_to_watchable_s",
      value: round(median(seconds)),
      unit: "s",
      bar: 30,
      better: "lower",
      against: `what a person waits for; median of ${CLICKS} clicks, of which up to 10 s is the demo's wait between uploads`,
    },
    {
      id: "click_to_watchable_worst_s",
      value: round(Math.max(...seconds)),
      unit: "s",
      bar: 30,
      better: "lower",
      against: "the same, the slowest",
    },
    {
      id: "uploads",
      value: uploads,
      unit: "uploads",
      bar: 20,
      better: "lower",
      against:
        "half a minute in the shop over two page loads and a second tab, each flushed when it is left",
    },
    {
      id: "requests_per_upload",
      value: round(requests / uploads),
      unit: "requests",
      bar: 4.5,
      better: "lower",
      against: `one to store, one to read, two to merge; ${requests} requests in all, config included`,
    },
  ];
  report("travel", figures);
} finally {
  await stack.stop();
}
