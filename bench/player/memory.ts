// Memory at the end of the hour, against rrweb-player.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { link } from "../../tests/e2e/watching.ts";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { clockAt, MINUTES } from "./hour.ts";
import type { Hour } from "./hour-stored.ts";
import type { Setting } from "./setting.ts";

/** How fast the hour is played. Players offer 16, which takes four minutes; more is a greater load, in less time. */
const SPEED = Number(process.env.TAPEDECK_BENCH_SPEED ?? 64);
/** So long one may take: three times what the hour lasts at that speed, and a minute to load. */
const LIMIT_MS = 60_000 + (3 * MINUTES * 60_000) / SPEED;

/** A page whose thread is never free is asked no longer than this. */
const ANSWER_MS = 60_000;

/** What was seen of one player. */
interface Played {
  /** MiB of JavaScript objects after a collection. */
  heap: number;
  /** MiB of the page's process. */
  process: number;
  seconds: number;
  /** Minute of the hour on the screen at last. */
  minute: number;
  ended: boolean;
}

export async function memory({ figure, host, say, stack }: Setting, hour: Hour): Promise<void> {
  const ours = await played(
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
  if (!ours.ended) throw new Error(`the player came to ${told(ours)}`);
  say(`hour at ${SPEED}×: ${told(ours)}`);
  const theirs = await played(
    `${host.origin}/player.html?rule=rrweb&speed=${SPEED}`,
    (page) => page.locator(".rr-player, .replayer-wrapper").first().waitFor({ timeout: 60_000 }),
    // It does not always tell that it has finished.
    (page) =>
      page.evaluate(
        (last) =>
          "finished" in globalThis ||
          document.querySelector("iframe")?.contentDocument?.querySelector("#clock")
            ?.textContent === last,
        clockAt(MINUTES * 60_000 - 1_000),
      ),
  );
  say(`rrweb-player: ${told(theirs)}`);
  figure(
    "hour_heap_mib",
    ours.heap,
    "MiB",
    96,
    "lower",
    `objects at the end of the hour at ${SPEED}×: ${told(ours)}`,
  );
  figure(
    "hour_heap_than_rrweb_player_x",
    theirs.heap / ours.heap,
    "x",
    4,
    "higher",
    `rrweb-player with everything loaded, at ${SPEED}×: ${told(theirs)}`,
  );
}

function told({ heap, process, seconds, minute, ended }: Played): string {
  const reached = ended ? "the end" : `minute ${minute.toFixed(1)}, and no further,`;
  return `${reached} in ${seconds.toFixed(0)} s with ${heap.toFixed(0)} MiB of objects and ${process.toFixed(0)} MiB of its process`;
}

/** Plays the hour to its end or for {@link LIMIT_MS}, and says what memory it then takes. */
async function played(
  url: string,
  start: (page: Page) => Promise<void>,
  hasEnded: (page: Page) => Promise<boolean>,
): Promise<Played> {
  const browser = await launchBrowser();
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("pageerror", ({ message }) => complaints.push(message));
    const beganMs = Date.now();
    await page.goto(url);
    await start(page);
    const ended = await ends(page, hasEnded, beganMs + LIMIT_MS);
    const seconds = (Date.now() - beganMs) / 1000;
    // A page that is behind answers when what it does at the moment is done.
    const unanswered = sleep(ANSWER_MS, undefined, { ref: false }).then(() => {
      throw new Error(`no answer at ${SPEED}× within ${ANSWER_MS} ms: lower TAPEDECK_BENCH_SPEED`);
    });
    const asked = page.evaluate(() => {
      const clock = document.querySelector("iframe")?.contentDocument?.querySelector("#clock");
      return Number(/\d+/.exec(clock?.textContent ?? "")?.[0] ?? 0) / 60;
    });
    const minute = await Promise.race([asked, unanswered]);
    const [heap, process] = await Promise.race([memoryOf(browser, context, page), unanswered]);
    // Nothing waits for it any more.
    unanswered.catch(() => {});
    if (complaints.length > 0)
      throw new Error(`while playing: ${complaints.slice(0, 3).join("; ")}`);
    return { heap, process, seconds, minute, ended };
  } finally {
    await browser.close();
  }
}

/** Whether it ended in time. A page whose thread is never free does not answer the question: that is not waited for either. */
async function ends(
  page: Page,
  hasEnded: (page: Page) => Promise<boolean>,
  untilMs: number,
): Promise<boolean> {
  const late = sleep(Math.max(0, untilMs - Date.now()), "late" as const);
  while (true) {
    const seen = await Promise.race([hasEnded(page), late]);
    if (seen === "late") return false;
    if (seen) return true;
    if ((await Promise.race([sleep(250), late])) === "late") return false;
  }
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
