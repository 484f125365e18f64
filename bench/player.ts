// What watching costs: an hour opened at minute 47, against rrweb's replayer with everything loaded and by OpenReplay's and PostHog's rules; seeks;
// memory at the end of the hour, against rrweb-player; and finding among a million sessions. Through the whole stack, on a line of 10 Mbit/s and 40 ms.
//
// TAPEDECK_BENCH_PARTS: those to run, of open,seek,memory,search; the figures of the others stay as they are. _ROUNDS (5): openings of which the median counts.
// _SPEED (64): of the hour, for its memory. _SESSIONS (1000000) and _DAYS (30): of the tables that are searched. _DRY=1: says figures and writes none.

import { launchBrowser } from "../tests/harness/browser.ts";
import { startStack } from "../tests/harness/stack.ts";
import { collect, report, round } from "./frame.ts";
import { type Hour, storeHour } from "./player/hour-stored.ts";
import { openLine } from "./player/line.ts";
import { memory } from "./player/memory.ts";
import { opening } from "./player/open.ts";
import { everything, startHost } from "./player/rivals.ts";
import { searching } from "./player/search.ts";
import { seeking } from "./player/seek.ts";
import { LINE, type Setting } from "./player/setting.ts";

const PARTS = ["open", "seek", "memory", "search"];
const parts = process.env.TAPEDECK_BENCH_PARTS?.split(",") ?? PARTS;
for (const part of parts)
  if (!PARTS.includes(part)) throw new Error(`there is no part ${part}, but ${PARTS.join(", ")}`);

const beganMs = Date.now();
const say = (what: string) =>
  console.log(`${((Date.now() - beganMs) / 1000).toFixed(0).padStart(4)} s  ${what}`);
const { figures, figure } = collect((value) => round(value, 3));

const stack = await startStack();
const host = await startHost();
const line = await openLine(LINE.bitsPerS, LINE.delayMs);
const browser = await launchBrowser();
try {
  const setting: Setting = { stack, host, line, browser, figure, say };
  if (parts.some((part) => part !== "search")) await ofTheHour(setting);
  if (parts.includes("search")) await searching(setting);
} finally {
  await browser.close();
  line.close();
  host.close();
  await stack.stop();
}
report("player", figures, {
  keeps: parts.length < PARTS.length,
  dry: process.env.TAPEDECK_BENCH_DRY === "1",
});
say("done");

async function ofTheHour(setting: Setting): Promise<void> {
  const hour: Hour = await storeHour(browser, stack);
  say(`the hour is stored and indexed: ${hour.chunks.length} chunks`);
  host.offer("rrweb", everything(hour.chunks.length), hour.texts);
  if (parts.includes("open")) await opening(setting, hour);
  if (parts.includes("seek")) await seeking(setting, hour);
  if (parts.includes("memory")) await memory(setting, hour);
}
