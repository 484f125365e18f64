// An hour in front of a page of 5 MB, of which a part was lost: recorded by rrweb in Chromium, uploaded, indexed, and shown as it was.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { serialise } from "../../player/test/serialise.ts";
import { launchBrowser } from "../harness/browser.ts";
import { differing } from "../harness/pictures.ts";
import { inState, replayed, seek } from "../harness/player.ts";
import { gzip, makeBody, makeSession, type Session } from "../harness/upload.ts";
import { manifestOf } from "./manifest.ts";
import { countTraffic, link } from "./watching.ts";

const STEP_MS = 5 * 60_000;
const STEPS = 12;
/** Steps that begin with a snapshot, and the one whose upload never came. */
const CHECKPOINTS = [0, 6, 10];
const LOST = 9;
const VIEWPORT = { width: 800, height: 600 };
/** Of the picture's pixels, how many may differ: text is smoothed anew. */
const DIFFERENT_MAX = 0.01;

interface Step {
  /** Events as lines of JSON, with times since the session's start. */
  events: { timestamp: number }[];
  dom: string;
  picture: Buffer;
}

const stack = inject("stack");
let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(() => browser?.close());

test("is shown as it was, for the chunks that the moment needs", async () => {
  const steps = await record();
  expect(JSON.stringify(steps[0]?.events).length).toBeGreaterThan(5_000_000);
  const session = makeSession(STEPS * STEP_MS + 60_000);
  const bytes = new Map<number, number>();
  for (const [seq, step] of steps.entries())
    if (seq !== LOST) bytes.set(seq, await upload(session, seq, step));
  await manifestOf(stack, session.id, ({ counts }) => counts.chunks === STEPS - 1);

  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const blank = await browser.newPage();
  const traffic = countTraffic(page, stack.up);
  const ofSteps = (...seqs: number[]) => seqs.reduce((sum, seq) => sum + (bytes.get(seq) ?? 0), 0);
  const hasPageOf = async (number: number) => {
    await inState(page, "paused");
    const { dom } = steps[number] as Step;
    const shown = async () => (await replayed(page)).evaluate(`(${serialise})(document)`);
    await expect.poll(async () => (await shown()) === dom, { timeout: 15_000 }).toBe(true);
  };
  const looksLike = async (number: number) => {
    await hasPageOf(number);
    const { picture } = steps[number] as Step;
    const box = await page.locator(".sheet").boundingBox();
    if (box === null) throw new Error("no picture is shown");
    const shot = await page.screenshot({ clip: { x: box.x, y: box.y, ...VIEWPORT } });
    expect(await differing(blank, picture, shot)).toBeLessThan(DIFFERENT_MAX);
  };

  await page.goto(link(stack.up, session.id, session.start_ms + 7 * STEP_MS + 60_000));
  await inState(page, "paused");
  await page.getByTestId("size").selectOption("real");
  // On whole pixels, and without what the recorded page did not have.
  await page.addStyleTag({
    content: ".room { place-items: start !important } .replayer-mouse { visibility: hidden }",
  });
  await looksLike(7);
  expect(traffic).toMatchObject({ chunks: { length: 2 }, bytes: ofSteps(6, 7) });

  await seek(page, session.start_ms + 2 * STEP_MS + 60_000);
  await looksLike(2);
  expect(traffic).toMatchObject({ chunks: { length: 5 }, bytes: ofSteps(0, 1, 2, 6, 7) });

  // In the hole, what came before is seen, dimmed; behind it the next checkpoint makes it right again.
  await seek(page, session.start_ms + LOST * STEP_MS + 60_000);
  await hasPageOf(LOST - 1);
  expect(await page.getByTestId("remark").textContent()).toContain("Nothing was stored here");
  expect(await page.getByTestId("hole").count()).toBe(1);
  await seek(page, session.start_ms + 10 * STEP_MS + 60_000);
  await looksLike(10);
  expect(await page.getByTestId("remark").count()).toBe(0);
  expect(traffic).toMatchObject({
    chunks: { length: 7 },
    bytes: ofSteps(0, 1, 2, 6, 7, 8, 10),
  });
  await page.close();
  await blank.close();
});

/** The page changes every five minutes of a clock that the test moves. */
async function record(): Promise<Step[]> {
  const context = await browser.newContext({ viewport: VIEWPORT, colorScheme: "light" });
  try {
    const page = await context.newPage();
    await page.addInitScript(() => {
      Object.assign(globalThis, { virtualMs: 1_000_000_000_000 });
      Date.now = () => (globalThis as unknown as { virtualMs: number }).virtualMs;
    });
    await page.goto("about:blank");
    await page.setContent(PAGE);
    const require = createRequire(import.meta.url);
    const recorder = require.resolve("@rrweb/record").replace(/[^/]+$/, "record.umd.min.cjs");
    await page.addScriptTag({ content: await readFile(recorder, "utf8") });
    const steps: Step[] = [];
    for (let number = 0; number < STEPS; number++) steps.push(await change(page, number));
    return steps;
  } finally {
    await context.close();
  }
}

async function change(page: Page, number: number): Promise<Step> {
  const events = await page.evaluate(
    async ({ number, ms, snapshots }) => {
      const scope = globalThis as unknown as {
        virtualMs: number;
        startMs: number;
        events: { type: number; timestamp: number }[];
        change(number: number): void;
        rrwebRecord: {
          record: { (options: object): void; takeFullSnapshot(isCheckout: boolean): void };
        };
      };
      scope.startMs ??= scope.virtualMs;
      scope.virtualMs = scope.startMs + ms;
      scope.events ??= [];
      const { record } = scope.rrwebRecord;
      if (number === 0)
        record({ emit: (event: { type: number; timestamp: number }) => scope.events.push(event) });
      else if (snapshots) record.takeFullSnapshot(true);
      for (const part of [1, 2]) {
        scope.virtualMs += 1_000;
        scope.change(number * 2 + part);
        // Observers run between tasks.
        await new Promise((resolve) => setTimeout(resolve));
      }
      return (
        scope.events
          .splice(0)
          .map((event) => ({ ...event, timestamp: event.timestamp - scope.startMs }))
          // Not what the last step's picture left behind.
          .filter(({ type, timestamp }) => type > 1 && timestamp >= ms)
      );
    },
    { number, ms: number * STEP_MS, snapshots: CHECKPOINTS.includes(number) },
  );
  return {
    events,
    dom: (await page.evaluate(`(${serialise})(document)`)) as string,
    picture: await page.screenshot(),
  };
}

/** Uploads what happened within a step, as a recorder would have. Answers its bytes. */
async function upload(session: Session, seq: number, { events }: Step): Promise<number> {
  const lines = events.map((event) =>
    JSON.stringify({ ...event, timestamp: event.timestamp + session.start_ms }),
  );
  const batch = gzip(lines.join("\n"));
  const answer = await fetch(`${stack.up.edge}/v1/batches?key=${stack.up.project_key}`, {
    method: "POST",
    headers: { "Content-Type": "text/plain", Origin: new URL(stack.up.demo).origin },
    body: new Uint8Array(
      makeBody(session, batch, { seq, sent: session.start_ms + seq * STEP_MS + 10_000 }),
    ),
  });
  expect(await answer.json()).toEqual({ outcome: "stored" });
  return batch.length;
}

/** Twenty thousand rows of words, which change and come in at the top. Without digits that could be taken for a secret. */
const PAGE = `<!doctype html><html><head><style>body{font:14px sans-serif;margin:8px}.up{color:#087443}.down{color:#b42318}</style></head>
<body><h1 id="clock">step none</h1><input id="field"><div id="rows"></div><script>
let seed = 7;
const chance = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const word = () => Array.from({ length: 3 + chance() * 8 }, () => "abcdefghijklmnoprstuvw"[Math.floor(chance() * 22)]).join("");
const words = (count) => Array.from({ length: count }, word).join(" ");
const rows = document.querySelector("#rows");
function row() {
  const one = document.createElement("p");
  one.className = "row";
  one.title = words(8);
  one.textContent = words(10);
  return one;
}
for (let n = 0; n < 20000; n++) rows.append(row());
function change(number) {
  document.querySelector("#clock").textContent = "step " + "abcdefghijklmnopqrstuvwxyz"[number];
  for (let n = 0; n < 40; n++) {
    const one = rows.children[Math.floor(chance() * (n < 10 ? 20 : rows.children.length))];
    one.className = chance() < 0.5 ? "row up" : "row down";
    one.textContent = words(6);
  }
  for (let n = 0; n < 3; n++) { rows.prepend(row()); rows.lastElementChild.remove(); }
}
</script></body></html>`;
