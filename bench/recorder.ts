// What a recorder costs the page: its weight, main-thread time, and how long the page takes to answer, beside no recorder, bare rrweb and peers.

import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { launchBrowser } from "../tests/harness/browser.ts";
import { collect, median, report } from "./frame.ts";
import { PAGES, type Page, workOf } from "./recorder/pages.ts";
import { type Peer, peers } from "./recorder/peers.ts";
import { onePage, serve } from "./recorder/serve.ts";

/** Of each page with each recorder. */
const ROUNDS = Number(process.env.TAPEDECK_BENCH_ROUNDS ?? 5);
/** Long enough that what a recorder sends first, and how it compresses that, counts. */
const PAGE_MS = 6_500;
const CLICKS = 15;

interface Cost {
  /** Processor time of the page's main thread, in milliseconds. */
  main_ms: number;
  /** Over 50 ms of each task, in milliseconds by the clock. */
  blocking_ms: number;
  /** The worst of {@link CLICKS} clicks, from the click to the next paint, in steps of 8 ms, as browsers tell it. */
  inp_ms: number;
}

function sizeOf({ files }: Peer): number {
  const bytes = [...files.values()].map((file) => gzipSync(file, { level: 9 }).length);
  return Math.round((bytes.reduce((a, b) => a + b, 0) / 1024) * 100) / 100;
}

async function costOf(browser: Browser, page: Page, peer: Peer): Promise<Cost> {
  const { origin, close } = await serve(peer, onePage(page.body));
  const context = await browser.newContext();
  try {
    const tab = await context.newPage();
    const cdp = await context.newCDPSession(tab);
    // The thread's own time, so that what else runs on the machine does not count.
    await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
    await tab.addInitScript(() => {
      const seen = { blocking: 0, inp: 0 };
      Object.assign(window, { seen });
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) seen.blocking += Math.max(0, duration - 50);
      }).observe({ type: "longtask", buffered: true });
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) seen.inp = Math.max(seen.inp, duration);
      }).observe({ type: "event", durationThreshold: 16 } as PerformanceObserverInit);
    });
    const started_ms = Date.now();
    await tab.goto(origin);
    // Recorders load, and take their first snapshot.
    await sleep(1_000);
    await tab.evaluate(workOf(page));
    for (let i = 0; i < CLICKS; i++) await tab.mouse.click(10, 10, { delay: 10 });
    await sleep(Math.max(500, started_ms + PAGE_MS - Date.now()));
    const { metrics } = await cdp.send("Performance.getMetrics");
    const seconds = metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0;
    const seen = await tab.evaluate<{ blocking: number; inp: number }>("seen");
    return { main_ms: seconds * 1_000, blocking_ms: seen.blocking, inp_ms: seen.inp };
  } finally {
    await context.close();
    close();
  }
}

const all = await peers();
const { figures, figure: add } = collect();
const figure = (id: string, value: number, unit: string, bar: number, against: string): void =>
  add(id, value, unit, bar, "lower", against);

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
    const costs = new Map<string, Cost[]>(all.map(({ name }) => [name, []]));
    // Turn by turn, so that a machine that slows down slows all.
    for (let round = 0; round < ROUNDS; round++)
      for (const peer of all) costs.get(peer.name)?.push(await costOf(browser, page, peer));
    const of = (name: string, what: keyof Cost): number[] =>
      (costs.get(name) ?? []).map((cost) => cost[what]);
    const told = (what: keyof Cost): string =>
      all.map(({ name }) => `${name} ${median(of(name, what)).toFixed(0)}`).join(", ");
    /** Ours by theirs of the same round, and of those the middle one. */
    const times = (name: string, what: keyof Cost): number => {
      const theirs = of(name, what);
      return median(of("tapedeck", what).map((value, round) => value / (theirs[round] ?? 0)));
    };
    figure(
      `${page.name}_main_thread_x`,
      times("rrweb", "main_ms"),
      "x",
      1.05,
      `bare rrweb, middle of ${ROUNDS} rounds; main thread in ms: ${told("main_ms")}`,
    );
    figure(
      `${page.name}_main_thread_of_peers_x`,
      Math.max(times("sentry", "main_ms"), times("posthog", "main_ms")),
      "x",
      1,
      "the quicker of Sentry and PostHog",
    );
    // Where hardly a task is longer than 50 ms, there is nothing to compare.
    if (median(of("rrweb", "blocking_ms")) >= 50)
      figure(
        `${page.name}_blocking_x`,
        times("rrweb", "blocking_ms"),
        "x",
        1.05,
        `bare rrweb; over 50 ms of each task, in ms: ${told("blocking_ms")}`,
      );
    figure(
      `${page.name}_inp_x`,
      times("rrweb", "inp_ms"),
      "x",
      1.05,
      `bare rrweb; the worst of ${CLICKS} clicks, in ms: ${told("inp_ms")}`,
    );
    console.log(page.name, told("main_ms"), "|", told("blocking_ms"), "|", told("inp_ms"));
  }
} finally {
  await browser.close();
}
report("recorder", figures);
