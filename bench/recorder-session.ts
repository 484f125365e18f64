// What a visitor's ten minutes in the demo shop cost to take and store, what is lost when the browser is killed, and what a recorder holds in memory after
// half an hour; beside Sentry and PostHog, in real time, all at once.

import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { chromiumPath, launchBrowser } from "../tests/harness/browser.ts";
import { collect, report } from "./frame.ts";
import { HALF_HOUR, workOf } from "./recorder/pages.ts";
import { type Peer, peers } from "./recorder/peers.ts";
import { onePage, type Served, serve, type Upload } from "./recorder/serve.ts";
import { shop, stroll } from "./recorder/shop.ts";

const MINUTES = Number(process.env.TAPEDECK_BENCH_MINUTES ?? 10);
/** By path, what is a recording and nothing else. */
const RECORDINGS: Record<string, (upload: Upload) => boolean> = {
  tapedeck: ({ path }) => path === "/v1/batches",
  sentry: ({ body }) => body.includes('"type":"replay_recording"'),
  posthog: ({ path }) => path === "/s/",
};

/** Heap of the half-hour's page after garbage collection, in MiB. */
async function heapOf(peer: Peer): Promise<number> {
  const { origin, close } = await serve(peer, onePage(HALF_HOUR.body));
  const browser = await launchBrowser();
  try {
    const tab = await browser.newPage();
    const cdp = await tab.context().newCDPSession(tab);
    await cdp.send("Performance.enable");
    await tab.goto(origin);
    await sleep(2_000);
    await tab.evaluate(workOf(HALF_HOUR));
    // What is pending goes out, and what that took is let go.
    await sleep(15_000);
    await cdp.send("HeapProfiler.collectGarbage");
    const { metrics } = await cdp.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "JSHeapUsedSize")?.value ?? 0) / 2 ** 20;
  } finally {
    await browser.close();
    close();
  }
}

interface Session {
  readonly name: string;
  /** While the session lasted; when it ended by closing the browser, or by killing it. */
  readonly uploads: readonly Upload[];
  /** From the last event that arrived to the end. */
  readonly lost_s: number;
}

/** Ten minutes in the shop, at whose end the browser is killed. */
async function sessionWith(peer: Peer): Promise<Session> {
  const served: Served = await serve(peer, shop);
  const launched = await chromium.launchServer({
    executablePath: chromiumPath(),
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  const browser = await chromium.connect(launched.wsEndpoint());
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    await stroll(context, served.origin, MINUTES);
    const killed_ms = Date.now();
    await launched.kill();
    const uploads = served.uploads.filter((upload) => RECORDINGS[peer.name]?.(upload));
    const latest = uploads.at(-1);
    const lost_ms =
      peer.name === "tapedeck" && latest ? killed_ms - Math.max(...uploads.flatMap(timesOf)) : 0;
    return { name: peer.name, uploads, lost_s: lost_ms / 1_000 };
  } finally {
    await launched.kill();
    served.close();
  }
}

/** rrweb's sources of what a visitor does: pointer, clicks, scrolling, input. */
const DONE = new Set([1, 2, 3, 5]);

/** When the visitor did what an upload of ours holds. A tab that nobody looks at may wait with what its page did. */
function timesOf({ body }: Upload): number[] {
  const lines = gunzipSync(body.subarray(body.indexOf(0x0a) + 1))
    .toString("utf8")
    .trimEnd();
  return lines
    .split("\n")
    .map(
      (line) => JSON.parse(line) as { type: number; timestamp: number; data: { source: number } },
    )
    .filter(({ type, data }) => type === 3 && DONE.has(data.source))
    .map(({ timestamp }) => timestamp);
}

const all = await peers();
const named = (...names: string[]): Peer[] => all.filter(({ name }) => names.includes(name));
const { figures, figure: add } = collect();
const figure = (id: string, value: number, unit: string, bar: number, against: string): void =>
  add(id, value, unit, bar, "lower", against);

const heaps = new Map<string, number>();
async function takeHeaps(): Promise<void> {
  for (const peer of all) heaps.set(peer.name, await heapOf(peer));
}

// A session asks little of the machine, so that the heaps can be taken meanwhile.
const [, ours, ...theirs] = await Promise.all([
  takeHeaps(),
  ...named("tapedeck", "sentry", "posthog").map(sessionWith),
]);
if (ours === undefined) throw new Error("there is no session of ours");
const heap = (name: string): number => heaps.get(name) ?? 0;
const heapsTold = [...heaps].map(([name, mib]) => `${name} ${mib.toFixed(1)}`).join(", ");
console.log("heap", heapsTold);

const bytesOf = ({ uploads }: Session): number =>
  uploads.reduce((sum, { bytes }) => sum + bytes, 0);
const kib = (session: Session): number => bytesOf(session) / 1024 / MINUTES;
const told = [ours, ...theirs]
  .map((one) => `${one.name} ${kib(one).toFixed(1)} in ${one.uploads.length} uploads`)
  .join(", ");
/** How old the oldest thing done was when it arrived: so much is lost by whoever is killed a moment before. */
const waits = ours.uploads.map(
  (upload) => (upload.arrived_ms - Math.min(upload.arrived_ms, ...timesOf(upload))) / 1_000,
);
console.log(told, waits.map(Math.round).join(" "));

figure(
  "uploads",
  ours.uploads.length,
  "uploads",
  13,
  `${MINUTES} minutes of the demo shop's script, over two page loads and a second tab, in real time`,
);
figure(
  "bytes_x",
  bytesOf(ours) / Math.min(...theirs.map(bytesOf)),
  "x",
  1,
  `the smaller of Sentry's and PostHog's uploads of the same; KiB a minute: ${told}`,
);
figure(
  "killed_loses_at_most_s",
  Math.max(...waits, ours.lost_s),
  "s",
  // The longest wait, and what it takes to compress and send.
  62,
  `the oldest thing the visitor did that an upload brought, when it arrived: who is killed just before loses as much. A browser that was killed at the session's end lost ${ours.lost_s.toFixed(1)} s`,
);
figure(
  "heap_x",
  heap("tapedeck") / heap("rrweb"),
  "x",
  1.05,
  `bare rrweb whose events nobody keeps, after half an hour's worth of changes in half a minute; heap in MiB: ${heapsTold}`,
);
figure(
  "heap_of_peers_x",
  heap("tapedeck") / Math.min(heap("sentry"), heap("posthog")),
  "x",
  1,
  "the smaller of Sentry and PostHog",
);
report("recorder-session", figures);
