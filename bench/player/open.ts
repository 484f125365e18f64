// An hour opened at minute 47: by the player from chunks and from a tape, by rrweb's replayer with everything loaded, and by OpenReplay's and PostHog's rules.

import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { sealTape } from "../../tests/e2e/tape.ts";
import { link } from "../../tests/e2e/watching.ts";
import { until } from "../../tests/harness/until.ts";
import { median } from "../frame.ts";
import { CHUNK_MS, clockAt } from "./hour.ts";
import type { Hour } from "./hour-stored.ts";
import type { Line, Passed } from "./line.ts";
import { everything, openReplay, postHog } from "./rivals.ts";
import { LINE, type Setting, sum } from "./setting.ts";

/** Halfway between two checkpoints of minute 47. */
export const OPENED_MS = 47.5 * 60_000 + 500;
const ROUNDS = Number(process.env.TAPEDECK_BENCH_ROUNDS ?? 5);

/** What was seen when a moment was on the screen. */
export interface Shown {
  seconds: number;
  /** When navigation began, in Unix milliseconds. */
  originMs: number;
  /** Asked for before the frame was there; bodies as they travelled. */
  passed: Passed[];
  /** Everything readable on the replayed page. */
  text: string;
}

/** Opens a page, and waits until the replayed page's clock says what it should. */
export async function shown(
  browser: Browser,
  line: Line,
  url: string,
  clock: string,
): Promise<Shown> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    proxy: { server: line.url },
  });
  try {
    const page = await context.newPage();
    await watchClock(page, clock);
    line.reset();
    await page.goto(url, { waitUntil: "commit" });
    await page.waitForFunction(() => "shownMs" in globalThis, undefined, { timeout: 120_000 });
    const seen = await page.evaluate(() => ({
      shownMs: (globalThis as unknown as { shownMs: number }).shownMs,
      originMs: performance.timeOrigin,
      text: document.querySelector("iframe")?.contentDocument?.body.textContent ?? "",
    }));
    const passed = line.passed.filter(({ askedMs }) => askedMs < seen.originMs + seen.shownMs);
    // What is on its way belongs to what the frame cost.
    await until("the line is quiet", () => isQuiet(passed), 60_000);
    return { seconds: seen.shownMs / 1000, originMs: seen.originMs, passed, text: seen.text };
  } finally {
    await context.close();
  }
}

let lastBytes = -1;
async function isQuiet(passed: Passed[]): Promise<true | undefined> {
  const bytes = sum(passed);
  const same = bytes === lastBytes;
  lastBytes = bytes;
  await sleep(100);
  return same || undefined;
}

/** `shownMs` becomes the moment, since navigation began, at which a frame with this clock was painted. */
async function watchClock(page: Page, clock: string): Promise<void> {
  await page.addInitScript((expected) => {
    if (top !== self) return;
    const look = () => {
      const frame = document.querySelector("iframe");
      const found = frame?.contentDocument?.querySelector("#clock")?.textContent;
      if (found !== expected || frame?.offsetWidth === 0) return void requestAnimationFrame(look);
      requestAnimationFrame(() =>
        setTimeout(() => Object.assign(globalThis, { shownMs: performance.now() })),
      );
    };
    requestAnimationFrame(look);
  }, clock);
}

export async function opening(
  { browser, figure, host, line, say, stack }: Setting,
  { session, texts, chunks }: Hour,
): Promise<void> {
  /** Whether a request is for the recording: not the player's own files. */
  const isOfRecording = ({ url, method }: Passed) =>
    method !== "OPTIONS" && !url.startsWith(stack.up.player);
  const clock = clockAt(OPENED_MS);
  const atMs = session.start_ms + OPENED_MS;
  const target = Math.floor(OPENED_MS / CHUNK_MS);
  const hasCheckpoint = (n: number) =>
    (chunks[n]?.lines ?? []).some((line) => line.startsWith('{"type":2,'));
  const rules = {
    rrweb: everything(chunks.length),
    openreplay: openReplay(chunks.length, 3),
    posthog: postHog(chunks.length, target, hasCheckpoint),
  };
  const theirs = new Map<string, { seconds: number; bytes: number; requests: number }>();
  let right = "";
  for (const [name, loading] of Object.entries(rules)) {
    const bytes = host.offer(name, loading, texts);
    const rounds = name === "posthog" ? 3 : 1;
    const seconds: number[] = [];
    for (let n = 0; n < rounds; n++) {
      const seen = await shown(
        browser,
        line,
        `${host.origin}/show.html?rule=${name}&at=${atMs}`,
        clock,
      );
      seconds.push(seen.seconds);
      if (name === "rrweb") right = seen.text;
      else if (seen.text !== right) throw new Error(`by ${name}'s rule another page is shown`);
    }
    theirs.set(name, { seconds: median(seconds), bytes, requests: loading.length + 1 });
    say(
      `${name}: ${median(seconds).toFixed(2)} s, ${(bytes / 2 ** 20).toFixed(2)} MiB, ${loading.length} requests`,
    );
  }

  const ours = async (what: string) => {
    const rounds: Shown[] = [];
    for (let n = 0; n < ROUNDS; n++)
      rounds.push(await shown(browser, line, link(stack.up, session.id, atMs), clock));
    for (const { text } of rounds)
      if (text !== right)
        throw new Error(`${what}: another page is shown than by rrweb's replayer`);
    const seconds = median(rounds.map((round) => round.seconds));
    const bytes = median(rounds.map(({ passed }) => sum(passed.filter(isOfRecording))));
    const bucket = new URL(stack.up.bucket.endpoint).origin;
    const ofBucket = median(
      rounds.map(({ passed }) => passed.filter(({ url }) => url.startsWith(bucket)).length),
    );
    const calls = median(
      rounds.map(
        ({ passed }) =>
          passed.filter((one) => isOfRecording(one) && one.url.startsWith(stack.up.edge)).length,
      ),
    );
    const application = median(
      rounds.map(({ passed }) =>
        sum(
          // The panels and the dialogs' buttons are asked for once the picture is there, while it is being painted.
          passed.filter(
            ({ url }) => url.startsWith(stack.up.player) && !/Beside|Actions/.test(url),
          ),
        ),
      ),
    );
    say(
      `${what}: ${seconds.toFixed(2)} s, ${(bytes / 1024).toFixed(0)} KiB, ${calls} calls, ${ofBucket} of the bucket`,
    );
    tellTimes(rounds[0] as Shown);
    return { seconds, bytes, bucket: ofBucket, calls, application };
  };
  const chunked = await ours("chunks");
  await sealTape(stack, session.id);
  const taped = await ours("tape");
  const at = `an hour of ${((theirs.get("rrweb")?.bytes ?? 0) / 2 ** 20).toFixed(1)} MiB in ${chunks.length} chunks, opened at 47:30, nothing cached, ${LINE.bitsPerS / 1e6} Mbit/s and ${LINE.delayMs} ms; median of ${ROUNDS}`;
  figure("open_s", chunked.seconds, "s", 1, "lower", `${at}, the application included`);
  figure(
    "open_chunks",
    chunked.bucket,
    "requests",
    6,
    "lower",
    "chunks asked for before the first right frame, look-ahead included",
  );
  figure(
    "open_calls",
    chunked.calls,
    "requests",
    1,
    "lower",
    "calls of the edge before the first right frame",
  );
  figure("open_tape_s", taped.seconds, "s", 1, "lower", "the same of the session's tape");
  figure(
    "open_tape_ranges",
    taped.bucket,
    "requests",
    2,
    "lower",
    "ranges of the tape: its header, and what the moment needs",
  );
  for (const [name, what, bars] of [
    ["rrweb", "rrweb's replayer with everything loaded by one request", [40, 25]],
    [
      "openreplay",
      "OpenReplay's rule: a first file, then all the rest (sources in bench/player/rivals.ts)",
      [1, 1],
    ],
    [
      "posthog",
      "PostHog's rule: ten blocks of ten seconds at a time around the moment (sources in bench/player/rivals.ts)",
      [1, 1],
    ],
  ] as const) {
    const their = theirs.get(name) as { seconds: number; bytes: number; requests: number };
    const kib = (bytes: number) => `${(bytes / 1024).toFixed(0)} KiB`;
    figure(
      `bytes_than_${name}_x`,
      their.bytes / chunked.bytes,
      "x",
      bars[0],
      "higher",
      `${what}: ${kib(their.bytes)}, ours ${kib(chunked.bytes)} (tape ${kib(taped.bytes)}), the session call included`,
    );
    figure(
      `time_than_${name}_x`,
      their.seconds / chunked.seconds,
      "x",
      bars[1],
      "higher",
      `the same: ${their.seconds.toFixed(2)} s in ${their.requests} requests, ours ${chunked.seconds.toFixed(2)} s (tape ${taped.seconds.toFixed(2)} s)`,
    );
  }
  figure(
    "application_kib",
    chunked.application / 1024,
    "KiB",
    120,
    "lower",
    "the application before the first frame of a shared link, as a host sends it (gzip)",
  );
}

/** When each thing was asked for and was there, in milliseconds since navigation began. */
export function tellTimes({ passed, originMs, seconds }: Shown): void {
  for (const { url, method, bytes, askedMs, beganMs, endedMs } of passed) {
    const [asked, began, ended] = [askedMs, beganMs, endedMs].map((ms) =>
      (ms - originMs).toFixed(0).padStart(6),
    );
    const name = new URL(url).pathname.split("/").slice(-2).join("/");
    console.log(`    ${asked}${began}${ended} ms ${String(bytes).padStart(7)} ${method} ${name}`);
  }
  console.log(`    ${(seconds * 1000).toFixed(0).padStart(6)} ms: shown`);
}
