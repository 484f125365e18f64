// The same work on the same page, as Tapedeck, Sentry and PostHog each send it: what each has to keep.

import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { type Page, workOf } from "../recorder/pages.ts";
import { type Peer, peers } from "../recorder/peers.ts";
import { onePage, serve } from "../recorder/serve.ts";

/** Bodies of the uploads of each recorder, compressed: what is sent compressed as it is, the rest with gzip as a bucket would keep it. */
export async function bodiesOf(page: Page): Promise<Map<string, Buffer[]>> {
  const all = new Map<string, Buffer[]>();
  const browser = await launchBrowser();
  try {
    for (const peer of await peers()) {
      if (!["tapedeck", "sentry", "posthog"].includes(peer.name)) continue;
      all.set(peer.name, await recorded(browser, page, peer));
    }
  } finally {
    await browser.close();
  }
  return all;
}

async function recorded(
  browser: Awaited<ReturnType<typeof launchBrowser>>,
  page: Page,
  peer: Peer,
): Promise<Buffer[]> {
  const served = await serve(peer, onePage(page.body));
  const context = await browser.newContext();
  try {
    const tab = await context.newPage();
    await tab.goto(served.origin);
    // Recorders load, and take their first snapshot.
    await sleep(2_000);
    await tab.mouse.move(100, 100);
    await tab.evaluate(workOf(page));
    await sleep(6_000);
    // Whatever is pending goes out when the page is left.
    await tab.goto("about:blank");
    await sleep(1_000);
  } finally {
    await context.close();
    served.close();
  }
  const bodies = served.uploads.filter(({ path }) => isRecording(peer.name, path));
  if (peer.name === "tapedeck") return bodies.map(({ body }) => chunkOf(body));
  return bodies.map(({ body }) => (isCompressed(body) ? body : gzipSync(body)));
}

/** What the edge stores of an upload: all behind its header line. */
function chunkOf(body: Buffer): Buffer {
  const rest = body.subarray(body.indexOf(10) + 1);
  return isCompressed(rest) ? rest : gzipSync(rest, { level: 6 });
}

function isCompressed(body: Buffer): boolean {
  if (body[0] === 0x1f && body[1] === 0x8b) {
    gunzipSync(body);
    return true;
  }
  // Sentry puts a zlib stream behind two lines of JSON in its envelope.
  return body.includes(Buffer.from('"type":"replay_recording"'));
}

function isRecording(name: string, path: string): boolean {
  if (name === "tapedeck") return path === "/v1/batches";
  return name === "posthog" ? path === "/s/" : path.includes("/envelope/");
}
