// What watching costs: an hour opened at minute 47, against rrweb's replayer with everything loaded and by OpenReplay's and PostHog's rules; seeks;
// memory at the end of the hour, against rrweb-player; and finding among a million sessions. Through the whole stack, on a line of 10 Mbit/s and 40 ms.

import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { sealTape } from "../tests/e2e/tape.ts";
import { link } from "../tests/e2e/watching.ts";
import { launchBrowser } from "../tests/harness/browser.ts";
import { Bucket } from "../tests/harness/bucket.ts";
import { ROOT, type Stack, startStack } from "../tests/harness/stack.ts";
import { until } from "../tests/harness/until.ts";
import { makeBody, makeSession, type Session } from "../tests/harness/upload.ts";
import { collect, median, report, round } from "./frame.ts";
import { CHUNK_MS, type Chunk, clockAt, MINUTES, recordHour } from "./player/hour.ts";
import { type Line, openLine, type Passed } from "./player/line.ts";
import { everything, openReplay, postHog, startHost } from "./player/rivals.ts";

const LINE = { bitsPerS: 10_000_000, delayMs: 40 };
/** Halfway between two checkpoints of minute 47. */
const OPENED_MS = 47.5 * 60_000 + 500;
const ROUNDS = 5;
const SEEKS = 30;
/** How fast the hour is played for its memory; players offer 16, so the load is four times what the figure is about, in a quarter of the time. */
const SPEED = Number(process.env.TAPEDECK_BENCH_SPEED ?? 64);
const SESSIONS = Number(process.env.TAPEDECK_BENCH_SESSIONS ?? 1_000_000);
const DAYS = 30;

/** What was seen when a moment was on the screen. */
interface Shown {
  seconds: number;
  /** Asked for before the frame was there; bodies as they travelled. */
  passed: Passed[];
  /** Everything readable on the replayed page. */
  text: string;
}

/** The stack's own moments of the recording, and how it lies in the bucket. */
interface Hour {
  session: Session;
  chunks: Chunk[];
  texts: string[];
}

/** Opens a page, and waits until the replayed page's clock says what it should. */
async function shown(browser: Browser, line: Line, url: string, clock: string): Promise<Shown> {
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
    return { seconds: seen.shownMs / 1000, passed, text: seen.text };
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

async function upload(stack: Stack, { session, texts }: Hour): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let seq = next++; seq < texts.length; seq = next++) {
      const sent = session.start_ms + Math.min((seq + 1) * CHUNK_MS, MINUTES * 60_000 - 1);
      const answer = await fetch(`${stack.up.edge}/v1/batches?key=${stack.up.project_key}`, {
        method: "POST",
        headers: { "Content-Type": "text/plain", Origin: new URL(stack.up.demo).origin },
        body: makeBody(session, gzipSync(texts[seq] as string), { seq, sent }),
      });
      const text = await answer.text();
      if (text !== '{"outcome":"stored"}')
        throw new Error(`chunk ${seq}: ${answer.status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
}

/** Waits until every chunk is in the session's manifest. */
async function indexed({ up }: Stack, session: string, chunks: number): Promise<void> {
  await until(
    "the whole manifest",
    async () => {
      const answer = await fetch(`${up.edge}/v1/projects/${up.project}/sessions/${session}`, {
        headers: { Authorization: `Bearer ${up.viewer_token}` },
      });
      if (!answer.ok) throw new Error(`the session call answers ${answer.status}`);
      const { manifest, newer } = (await answer.json()) as {
        manifest: { counts: { chunks: number } } | null;
        newer: unknown[];
      };
      return (manifest?.counts.chunks === chunks && newer.length === 0) || undefined;
    },
    180_000,
  );
}

/** Seeks by the timeline; milliseconds from letting go until the right frame is painted. */
async function seeks(page: Page, hour: Hour, moments: number[]): Promise<number[]> {
  const took: number[] = [];
  for (const ms of moments) {
    const clock = clockAt(ms);
    const found = page.evaluate(
      ({ atMs, clock }) =>
        new Promise<number>((resolve) => {
          const root = document.querySelector<HTMLElement>("[data-testid=player]");
          const track = document.querySelector("[data-testid=timeline]");
          if (!root || !track) throw new Error("there is no player");
          const [startMs, endMs] = [Number(root.dataset.startMs), Number(root.dataset.endMs)];
          const { left, width, top } = track.getBoundingClientRect();
          const part = (atMs - startMs) / (endMs - startMs);
          const at = {
            clientX: left + part * width,
            clientY: top + 8,
            pointerId: 1,
            bubbles: true,
          };
          // A synthetic pointer cannot be captured.
          track.setPointerCapture = () => {};
          const beganMs = performance.now();
          track.dispatchEvent(new PointerEvent("pointerdown", { ...at, button: 0 }));
          track.dispatchEvent(new PointerEvent("pointerup", { ...at, button: 0 }));
          const look = () => {
            const found = document
              .querySelector("iframe")
              ?.contentDocument?.querySelector("#clock");
            if (found?.textContent !== clock || root.dataset.state !== "paused")
              return void requestAnimationFrame(look);
            requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - beganMs)));
          };
          look();
        }),
      { atMs: hour.session.start_ms + ms, clock },
    );
    took.push(await Promise.race([found, late(`the seek to ${clock}`)]));
  }
  return took;
}

async function late(what: string): Promise<never> {
  await sleep(30_000);
  throw new Error(`${what} took more than 30 s`);
}

/** MiB of JavaScript objects on the page after a collection, and of the page's whole process. */
async function memoryOf(
  browser: Browser,
  context: BrowserContext,
  page: Page,
): Promise<[number, number]> {
  const cdp = await context.newCDPSession(page);
  await cdp.send("HeapProfiler.collectGarbage");
  await cdp.send("Performance.enable");
  const { metrics } = await cdp.send("Performance.getMetrics");
  const heap = metrics.find(({ name }) => name === "JSHeapUsedSize")?.value ?? 0;
  const all = await browser.newBrowserCDPSession();
  const { processInfo } = await all.send("SystemInfo.getProcessInfo");
  const sizes = await Promise.all(
    processInfo
      .filter(({ type }) => type === "renderer")
      .map(async ({ id }) => {
        const text = await readFile(`/proc/${id}/smaps_rollup`, "utf8");
        return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
      }),
  );
  return [heap / 2 ** 20, Math.max(...sizes)];
}

/** Plays the hour to its end, and says what memory it then takes. */
async function memoryAtEnd(
  url: string,
  start: (page: Page) => Promise<void>,
  hasEnded: (page: Page) => Promise<boolean>,
): Promise<{ heap: number; process: number; seconds: number }> {
  const browser = await launchBrowser();
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("pageerror", ({ message }) => complaints.push(message));
    await page.goto(url);
    await start(page);
    const beganMs = Date.now();
    await until("the hour's end", async () => (await hasEnded(page)) || undefined, 400_000);
    const seconds = (Date.now() - beganMs) / 1000;
    const [heap, process] = await memoryOf(browser, context, page);
    if (complaints.length > 0)
      throw new Error(`while playing: ${complaints.slice(0, 3).join("; ")}`);
    return { heap, process, seconds };
  } finally {
    await browser.close();
  }
}

/** What somebody asks of a project's tables, how that is written in an address, and what is on the screen when it is answered. */
const QUESTIONS = [
  {
    id: "newest",
    what: "the newest sessions of the last 24 hours",
    hash: "sessions?hours=24",
    shows: "session-row",
  },
  {
    id: "user",
    what: "one user's sessions in 30 days",
    hash: "sessions?hours=720&user=u_002345",
    shows: "session-row",
  },
  {
    id: "rage",
    what: "rage clicks on phones in Germany in 7 days",
    hash: "sessions?hours=168&rage=1&country=DE&device=mobile",
    shows: "session-row",
  },
  {
    id: "errors",
    what: "error groups of the last 7 days, all counted",
    hash: "errors?hours=168",
    shows: null,
  },
  {
    id: "vitals",
    what: "one page's vitals by device and country in 7 days, all counted",
    hash: "pages/%2Fcheckout?hours=168",
    shows: null,
  },
] as const;

async function search(
  browser: Browser,
  line: Line,
  stack: Stack,
  { hash, shows }: (typeof QUESTIONS)[number],
): Promise<{ seconds: number; mib: number; requests: number; counted: string }> {
  const { player, edge, project, viewer_token } = stack.up;
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    proxy: { server: line.url },
  });
  try {
    const page = await context.newPage();
    await page.addInitScript(
      ([name, token]) => sessionStorage.setItem(name as string, token as string),
      [`tapedeck.token ${edge} ${project}`, viewer_token],
    );
    await page.goto(player);
    await page.waitForLoadState("networkidle");
    line.reset();
    const beganMs = Date.now();
    await page.goto(`${player}/#/find/${project}/${hash}`);
    const answered =
      shows === null ? "[data-testid=find][data-state=done]" : `[data-testid=${shows}]`;
    await page.locator(answered).first().waitFor({ timeout: 60_000 });
    const endedMs = Date.now();
    const fetched = line.passed.filter(
      ({ url, askedMs }) => !url.startsWith(player) && askedMs < endedMs,
    );
    const counted = (await page.getByTestId("count").textContent()) ?? "";
    return {
      seconds: (endedMs - beganMs) / 1000,
      mib: sum(fetched) / 2 ** 20,
      requests: fetched.length,
      counted,
    };
  } finally {
    await context.close();
  }
}

/** A million sessions' tables in the bucket, by the indexer's own writer. */
async function fillTables(stack: Stack): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tapedeck-tables-"));
  try {
    const local = process.env.TAPEDECK_LOCAL ?? join(ROOT, "target/debug/tapedeck-local");
    const given = {
      project: stack.up.project,
      sessions: SESSIONS,
      days: DAYS,
      "until-ms": Date.now() - 60_000,
      out: folder,
    };
    const made = execFileSync(
      join(dirname(local), "tapedeck-bench-tables"),
      Object.entries(given).flatMap(([name, value]) => [`--${name}`, String(value)]),
      { encoding: "utf8" },
    );
    console.log(`tables: ${made.trim()}`);
    const bucket = new Bucket(stack.up);
    const files = (await readdir(folder, { recursive: true })).filter((name) =>
      name.endsWith(".parquet"),
    );
    for (const name of files) await bucket.put(name, await readFile(join(folder, name)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function sum(passed: readonly Passed[]): number {
  return passed.reduce((bytes, one) => bytes + one.bytes, 0);
}

function p95(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Number.NaN;
}

/** Numbers that look like chance and are the same in every run. */
function draw(count: number, from: number, to: number): number[] {
  let seed = 5;
  return Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    // In the middle of a second, so that the clock is the same on either side of a pixel.
    return Math.floor((from + (seed / 2 ** 32) * (to - from)) / 1_000) * 1_000 + 500;
  });
}

const beganMs = Date.now();
const say = (what: string) =>
  console.log(`${((Date.now() - beganMs) / 1000).toFixed(0).padStart(4)} s  ${what}`);
const { figures, figure } = collect((value) => round(value, 3));

const stack = await startStack();
const host = await startHost();
const line = await openLine(LINE.bitsPerS, LINE.delayMs);
const browser = await launchBrowser();
try {
  const hour = await prepare();
  await opening(hour);
  await seeking(hour);
  await memory(hour);
  await searching();
  report("player", figures);
} finally {
  await browser.close();
  line.close();
  host.close();
  await stack.stop();
}
say("done");

async function prepare(): Promise<Hour> {
  const session = makeSession(MINUTES * 60_000 + 5 * 60_000);
  const chunks = await recordHour(browser, session.start_ms);
  const texts = chunks.map(({ lines }) => `${lines.join("\n")}\n`);
  say(`recorded: ${chunks.length} chunks`);
  const hour = { session, chunks, texts };
  await upload(stack, hour);
  await indexed(stack, session.id, chunks.length);
  say("uploaded and indexed");
  return hour;
}

/** Whether a request is for the recording: not the player's own files. */
function isOfRecording({ url, method }: Passed): boolean {
  return method !== "OPTIONS" && !url.startsWith(stack.up.player);
}

async function opening(hour: Hour): Promise<void> {
  const { session, texts, chunks } = hour;
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
    console.log(
      rounds[0]?.passed
        .map(({ url, bytes, method }) => `      ${method} ${url.split("?")[0]} ${bytes}`)
        .join("\n"),
    );
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

async function seeking(hour: Hour): Promise<void> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    proxy: { server: line.url },
  });
  try {
    const page = await context.newPage();
    await page.goto(link(stack.up, hour.session.id, hour.session.start_ms + 47 * 60_000 + 58_500));
    await page.locator("[data-testid=player][data-state=paused]").waitFor();
    await page.waitForLoadState("networkidle");
    const near = await seeks(page, hour, draw(SEEKS, 47 * 60_000 + 1_000, 47 * 60_000 + 58_000));
    // Far: every one in a minute of its own that nothing was loaded of.
    const minutes = draw(SEEKS, 0, 59_000).map((_, n) => (n * 37) % 59);
    const far = await seeks(
      page,
      hour,
      draw(SEEKS, 2_000, 57_000).map((ms, n) => (minutes[n] as number) * 60_000 + ms),
    );
    say(`seeks: near ${median(near).toFixed(0)} ms, far ${median(far).toFixed(0)} ms`);
    figure(
      "seek_loaded_p95_ms",
      p95(near),
      "ms",
      250,
      "lower",
      `${SEEKS} seeks within a loaded minute, to the painted frame; median ${median(near).toFixed(0)} ms`,
    );
    figure(
      "seek_far_p95_ms",
      p95(far),
      "ms",
      1_000,
      "lower",
      `${SEEKS} seeks to other minutes, on the same line; median ${median(far).toFixed(0)} ms`,
    );
  } finally {
    await context.close();
  }
}

async function memory(hour: Hour): Promise<void> {
  const ours = await memoryAtEnd(
    link(stack.up, hour.session.id, hour.session.start_ms),
    async (page) => {
      await page.locator("[data-testid=player][data-state=paused]").waitFor();
      await page.getByTestId("speed").evaluate((select, speed) => {
        const list = select as HTMLSelectElement;
        // A speed that the player does not offer.
        if (![...list.options].some(({ value }) => value === speed))
          list.append(new Option(speed, speed));
        list.value = speed;
        list.dispatchEvent(new Event("change", { bubbles: true }));
      }, String(SPEED));
      await page.getByTestId("play").click();
    },
    (page) =>
      page.getByTestId("player").evaluate(({ dataset }) => {
        if (dataset.state === "failed") throw new Error("the player gave up");
        return Number(dataset.timeMs) >= Number(dataset.endMs) - 1_000;
      }),
  );
  say(
    `hour at ${SPEED}×: ${ours.heap.toFixed(0)} MiB heap, ${ours.process.toFixed(0)} MiB process, ${ours.seconds.toFixed(0)} s`,
  );
  const theirs = await memoryAtEnd(
    `${host.origin}/player.html?rule=rrweb&speed=${SPEED}`,
    (page) => page.locator(".rr-player, .replayer-wrapper").first().waitFor({ timeout: 60_000 }),
    (page) => page.evaluate(() => "finished" in globalThis),
  );
  say(
    `rrweb-player: ${theirs.heap.toFixed(0)} MiB heap, ${theirs.process.toFixed(0)} MiB process, ${theirs.seconds.toFixed(0)} s`,
  );
  const how =
    SPEED === 16
      ? "the hour at 16×"
      : `the hour at ${SPEED}×: as much as at 16×, in ${(SPEED / 16).toFixed(0)} times less time`;
  figure(
    "hour_heap_mib",
    ours.heap,
    "MiB",
    96,
    "lower",
    `objects after ${how}; the page's process ${ours.process.toFixed(0)} MiB`,
  );
  figure(
    "hour_heap_than_rrweb_player_x",
    theirs.heap / ours.heap,
    "x",
    4,
    "higher",
    `rrweb-player with everything loaded: ${theirs.heap.toFixed(0)} MiB; its process ${theirs.process.toFixed(0)} MiB`,
  );
}

async function searching(): Promise<void> {
  await fillTables(stack);
  say("tables are there");
  for (const question of QUESTIONS) {
    const { seconds, mib, requests, counted } = await search(browser, line, stack, question);
    say(
      `${question.what}: ${seconds.toFixed(2)} s, ${mib.toFixed(2)} MiB, ${requests} requests; ${counted}`,
    );
    const among = `${question.what}, among ${SESSIONS.toLocaleString("en")} sessions of ${DAYS} days`;
    figure(
      `search_${question.id}_s`,
      seconds,
      "s",
      3,
      "lower",
      `${among}, on ${LINE.bitsPerS / 1e6} Mbit/s and ${LINE.delayMs} ms`,
    );
    figure(
      `search_${question.id}_mib`,
      mib,
      "MiB",
      2,
      "lower",
      `the same: ${requests} requests, the list of files included`,
    );
  }
}
