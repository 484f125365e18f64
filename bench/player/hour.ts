// One hour of a busy page: a minute recorded by rrweb in Chromium, sixty times over, each minute with its own clock and its own checkpoint.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser } from "playwright-core";

export const MINUTES = 60;
export const CHUNK_MS = 10_000;
const TICK_MS = 100;
const MINUTE_MS = 60_000;

/** A chunk's events as lines of JSON, with times in milliseconds since the hour's start. */
export interface Chunk {
  seq: number;
  lines: string[];
}

/** What the recorded page's clock says at a moment, in milliseconds since the start. */
export function clockAt(ms: number): string {
  return `clock ${String(Math.floor(ms / 1000)).padStart(4, "0")}`;
}

interface Event {
  type: number;
  timestamp: number;
  data: unknown;
}

/** The hour, as a recorder that sends every ten seconds would have uploaded it from `startMs` on. */
export async function recordHour(browser: Browser, startMs: number): Promise<Chunk[]> {
  const minute = await recordMinute(browser);
  const chunks: Chunk[] = [];
  for (let m = 0; m < MINUTES; m++) {
    for (let fromMs = 0; fromMs < MINUTE_MS; fromMs += CHUNK_MS) {
      const lines: string[] = [];
      if (m === 0 && fromMs === 0) lines.push(line(opening(startMs)));
      for (const { timestamp, data, type } of minute) {
        if (timestamp < fromMs || timestamp >= fromMs + CHUNK_MS) continue;
        const text = line({ type, timestamp: startMs + m * MINUTE_MS + timestamp, data });
        // The clock tells the second of the hour, which the recorded minute cannot know.
        lines.push(
          text.includes("clock ")
            ? text.replace(/clock (\d{4})/g, (_, s) => clockAt((m * 60 + Number(s)) * 1000))
            : text,
        );
      }
      lines.push(...beside(startMs + m * MINUTE_MS + fromMs, m).map(line));
      lines.sort((a, b) => timeOf(a) - timeOf(b));
      chunks.push({ seq: chunks.length, lines });
    }
  }
  return chunks;
}

function line(event: object): string {
  return JSON.stringify(event);
}

function timeOf(line: string): number {
  return Number(/"timestamp":(\d+)/.exec(line)?.[1]);
}

function own(tag: string, timestamp: number, payload: object): Event {
  return { type: 5, timestamp, data: { tag: `tapedeck.${tag}`, payload } };
}

function opening(timestamp: number): Event {
  return own("session", timestamp, {
    tab: "tab00001",
    url: "https://desk.example/orders",
    title: "Orders",
    release: "desk@2.1.0",
    environment: "production",
  });
}

/** What a recorder tells beside rrweb: some lines of console and some requests in each chunk, and now and then an error. */
function beside(fromMs: number, minute: number): Event[] {
  const events: Event[] = [];
  for (let n = 0; n < 4; n++) {
    events.push(
      own("console", fromMs + 1_000 + n * 2_000, {
        level: n === 3 ? "warn" : "log",
        args: [`prices of ${n * 25} rows came`],
      }),
      own("network", fromMs + 1_300 + n * 2_000, {
        method: "GET",
        url: `https://desk.example/api/prices?page=${n}`,
        status: 200,
        duration_ms: 40 + n,
      }),
    );
  }
  if (minute % 10 === 7)
    events.push(
      own("error", fromMs + 5_000, {
        type: "TypeError",
        message: "price is undefined",
        handled: false,
      }),
    );
  return events;
}

/** A minute in front of the page, as rrweb records it: from a full snapshot on, times from 0. */
async function recordMinute(browser: Browser): Promise<Event[]> {
  const require = createRequire(import.meta.url);
  const umd = require.resolve("@rrweb/record").replace(/[^/]+$/, "record.umd.min.cjs");
  const recorder = await readFile(umd, "utf8");
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  try {
    const page = await context.newPage();
    // Before rrweb keeps a reference to it: a minute passes as fast as the page can work.
    await page.addInitScript(() => {
      Object.assign(globalThis, { virtualMs: 1_000_000_000_000 });
      Date.now = () => (globalThis as unknown as { virtualMs: number }).virtualMs;
    });
    await page.goto("about:blank");
    await page.setContent(PAGE);
    await page.addScriptTag({ content: recorder });
    return await page.evaluate(
      async ({ ticks, tickMs }) => {
        const scope = globalThis as unknown as {
          virtualMs: number;
          tick(n: number): void;
          rrwebRecord: { record(options: object): () => void };
        };
        const startMs = scope.virtualMs;
        const events: { type: number; timestamp: number; data: unknown }[] = [];
        const stop = scope.rrwebRecord.record({
          emit: (event: (typeof events)[number]) => events.push(event),
          sampling: { mousemove: true },
        });
        for (let n = 0; n < ticks; n++) {
          scope.virtualMs = startMs + n * tickMs + 20;
          scope.tick(n);
          // Observers run between tasks.
          await new Promise((resolve) => setTimeout(resolve));
        }
        stop();
        return events
          .filter(({ type }) => type > 1)
          .map(({ type, timestamp, data }) => ({ type, timestamp: timestamp - startMs, data }))
          .filter(({ timestamp }) => timestamp < ticks * tickMs);
      },
      { ticks: MINUTE_MS / TICK_MS, tickMs: TICK_MS },
    );
  } finally {
    await context.close();
  }
}

/** A table of 300 rows that changes ten times a second, as a desk of orders would. Deterministic. */
const PAGE = `<!doctype html><html><head><title>Orders</title><style>
body{font:13px system-ui;margin:16px;color:#223}table{border-collapse:collapse;width:100%}
td,th{padding:2px 8px;border-bottom:1px solid #dde;text-align:left}.up{color:#087443}.down{color:#b42318}#clock{font-weight:600}
</style></head><body><h1>Orders <span id="clock">clock 0000</span></h1><input id="q" placeholder="Search"><table><thead><tr><th>Order<th>Customer<th>City<th>Items<th>Price<th>Change<th>State</tr></thead><tbody></tbody></table>
<script>
let seed = 7;
const chance = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const pick = (list) => list[Math.floor(chance() * list.length)];
const CITIES = ["Berlin", "Lyon", "Osaka", "Leeds", "Austin", "Porto", "Malmö", "Graz"];
const NAMES = ["Adler", "Brandt", "Castro", "Dubois", "Endo", "Fischer", "Garcia", "Hansen"];
const body = document.querySelector("tbody");
let order = 0;
function rowOf() {
  const row = document.createElement("tr");
  row.className = "row";
  row.dataset.order = String(++order);
  const words = ["O-" + order, pick(NAMES) + " & " + pick(NAMES), pick(CITIES), String(1 + Math.floor(chance() * 9)), (chance() * 900).toFixed(2), "0.00", "open"];
  for (const word of words) {
    const cell = document.createElement("td");
    const span = document.createElement("span");
    span.className = "cell";
    span.textContent = word;
    cell.append(span);
    row.append(cell);
  }
  return row;
}
for (let n = 0; n < 300; n++) body.append(rowOf());
function tick(n) {
  if (n % 10 === 0) document.querySelector("#clock").textContent = "clock " + String(n / 10).padStart(4, "0");
  for (let k = 0; k < 8; k++) {
    const row = body.children[Math.floor(chance() * body.children.length)];
    const [price, change] = [row.children[4].firstChild, row.children[5].firstChild];
    const by = chance() * 4 - 2;
    price.textContent = (Number(price.textContent) + by).toFixed(2);
    change.textContent = by.toFixed(2);
    change.className = by > 0 ? "cell up" : "cell down";
  }
  // New orders come in at the top, as a framework would render them.
  if (n % 5 === 2) for (let k = 0; k < 4; k++) { body.prepend(rowOf()); body.lastElementChild.remove(); }
  const [x, y] = [200 + 600 * Math.abs(Math.sin(n / 40)), 120 + 400 * Math.abs(Math.cos(n / 55))];
  document.elementFromPoint(x, y)?.dispatchEvent(new MouseEvent("mousemove", { bubbles: true, clientX: x, clientY: y }));
  if (n % 70 === 30) document.elementFromPoint(x, y)?.dispatchEvent(new MouseEvent("click", { bubbles: true, clientX: x, clientY: y }));
}
</script></body></html>`;
