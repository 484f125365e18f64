// What a recorder costs the page and the network: its weight, main-thread time, memory and bytes, beside no recorder, bare rrweb and peers.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { launchBrowser } from "../tests/harness/browser.ts";
import { type Figure, median, report } from "./frame.ts";
import { PAGES, type Page, STEP } from "./recorder/pages.ts";
import { type Peer, peers } from "./recorder/peers.ts";

/** Of each page with each recorder; the middle one counts. */
const ROUNDS = Number(process.env.TAPEDECK_BENCH_ROUNDS ?? 5);
/** OpenReplay records only with its own server, so that only its weight is compared. */
const RECORDING = ["none", "rrweb", "tapedeck", "sentry", "posthog"];

interface Cost {
  /** Processor time of the page's main thread, in milliseconds. */
  main_ms: number;
  /** Over 50 ms of each task, in milliseconds by the clock. */
  blocking_ms: number;
  heap_mb: number;
  upload_bytes: number;
}

function sizeOf({ files }: Peer): number {
  const bytes = [...files.values()].map((file) => gzipSync(file, { level: 9 }).length);
  return Math.round((bytes.reduce((a, b) => a + b, 0) / 1024) * 100) / 100;
}

/** Serves one page with one recorder in it, and takes whatever that sends. */
async function costOf(browser: Browser, page: Page, peer: Peer): Promise<Cost> {
  let upload_bytes = 0;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://bench");
    request.on("data", (part: Buffer) => {
      upload_bytes += part.length;
    });
    request.on("end", () => {
      const file = peer.files.get(url.pathname.split("/").at(-1) ?? "");
      response.setHeader("Access-Control-Allow-Origin", "*");
      if (url.pathname === "/") {
        response.setHeader("Content-Type", "text/html");
        const { port } = server.address() as AddressInfo;
        response.end(
          `<!doctype html><html><head><title>Bench</title>${peer.head(`http://127.0.0.1:${port}`)}</head><body>${page.body}</body></html>`,
        );
      } else if (file !== undefined) {
        response.setHeader("Content-Type", "text/javascript");
        response.end(file);
      } else {
        response.setHeader("Content-Type", "application/json");
        response.end(JSON.stringify(answerTo(url.pathname)));
      }
    });
    request.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const context = await browser.newContext();
  try {
    const tab = await context.newPage();
    const cdp = await context.newCDPSession(tab);
    // The thread's own time, so that what else runs on the machine does not count.
    await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
    const metric = async (name: string): Promise<number> => {
      const { metrics } = await cdp.send("Performance.getMetrics");
      return metrics.find((one) => one.name === name)?.value ?? 0;
    };
    await tab.addInitScript(() => {
      Object.assign(window, { blocking: 0 });
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries())
          (window as unknown as { blocking: number }).blocking += Math.max(0, duration - 50);
      }).observe({ type: "longtask", buffered: true });
    });
    await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    // Recorders load, and take their first snapshot.
    await sleep(1_500);
    await tab.mouse.move(100, 100);
    await tab.evaluate(`(async () => { ${STEP} ${page.work} })()`);
    await sleep(300);
    await cdp.send("HeapProfiler.collectGarbage");
    const cost = {
      main_ms: (await metric("TaskDuration")) * 1_000,
      blocking_ms: await tab.evaluate<number>("blocking"),
      heap_mb: (await metric("JSHeapUsedSize")) / 2 ** 20,
    };
    // Whatever is pending goes out when the page is left.
    await tab.goto("about:blank");
    await sleep(500);
    return { ...cost, upload_bytes };
  } finally {
    await context.close();
    server.close();
    server.closeAllConnections();
  }
}

/** As each one's server would answer, so that it records. */
function answerTo(path: string): unknown {
  if (path === "/v1/config")
    return { version: 1, project: "bench", sampling: [{ from_ms: 0, all: 1 }] };
  if (path === "/v1/batches") return { outcome: "stored" };
  if (path.startsWith("/array/"))
    return {
      supportedCompression: ["gzip-js"],
      hasFeatureFlags: false,
      sessionRecording: { endpoint: "/s/", consoleLogRecordingEnabled: true },
    };
  if (path === "/s/") return { status: 1 };
  return { id: "0" };
}

const all = await peers();
const figures: Figure[] = [];
const figure = (id: string, value: number, unit: string, bar: number, against: string): void => {
  figures.push({ id, value: Math.round(value * 100) / 100, unit, bar, better: "lower", against });
};

const sizes = new Map(all.map((peer) => [peer.name, sizeOf(peer)]));
const size = (name: string): number => sizes.get(name) ?? 0;
const ours = all.find(({ name }) => name === "tapedeck") as Peer;
const first = gzipSync(ours.files.get("tapedeck.js") ?? "", { level: 9 }).length / 1024;
figure("first_kib", first, "KiB", 4, "what loads before anything is decided, minified, gzip -9");
figure(
  "size_kib",
  size("tapedeck"),
  "KiB",
  38,
  `all but canvases and frames of other origins; in the same way Sentry with replay ${size("sentry")}, PostHog with its recorder ${size("posthog")}, OpenReplay ${size("openreplay")}, bare rrweb ${size("rrweb")}`,
);

const browser = await launchBrowser();
try {
  for (const page of PAGES) {
    const costs = new Map<string, Cost[]>(RECORDING.map((name) => [name, []]));
    // Turn by turn, so that a machine that slows down slows all.
    for (let round = 0; round < ROUNDS; round++) {
      for (const peer of all)
        if (RECORDING.includes(peer.name))
          costs.get(peer.name)?.push(await costOf(browser, page, peer));
    }
    const mid = (name: string, of: keyof Cost): number =>
      median((costs.get(name) ?? []).map((cost) => cost[of]));
    const told = (of: keyof Cost, digits: number): string =>
      RECORDING.map((name) => `${name} ${mid(name, of).toFixed(digits)}`).join(", ");
    figure(
      `${page.name}_main_thread_x`,
      mid("tapedeck", "main_ms") / mid("rrweb", "main_ms"),
      "x",
      1.05,
      `bare rrweb, middle of ${ROUNDS}; main thread in ms: ${told("main_ms", 0)}; blocking: ${told("blocking_ms", 0)}`,
    );
    figure(
      `${page.name}_main_thread_of_peers_x`,
      mid("tapedeck", "main_ms") / Math.min(mid("sentry", "main_ms"), mid("posthog", "main_ms")),
      "x",
      1,
      `the quicker of Sentry and PostHog; heap afterwards in MiB: ${told("heap_mb", 1)}`,
    );
    // A peer whose own server is needed for more than an answer sends nothing here.
    const sent = ["sentry", "posthog"]
      .map((name) => mid(name, "upload_bytes"))
      .filter((bytes) => bytes > 0);
    if (sent.length > 0)
      figure(
        `${page.name}_bytes_x`,
        mid("tapedeck", "upload_bytes") / Math.min(...sent),
        "x",
        1,
        `the smaller of Sentry's and PostHog's uploads of the same; bytes: ${told("upload_bytes", 0)}`,
      );
    console.log(page.name, told("main_ms", 0), "|", told("upload_bytes", 0));
  }
} finally {
  await browser.close();
}
report("recorder", figures);
