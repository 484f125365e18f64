// A 20-minute recording, opened at minute 15, costs a few chunks and shows what was there.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { launchBrowser } from "../harness/browser.ts";
import { inState, replayed } from "../harness/player.ts";
import { gzip, makeBody, makeSession, type Session } from "../harness/upload.ts";
import { manifestOf } from "./manifest.ts";
import { countTraffic, link } from "./watching.ts";

const MINUTE_MS = 60_000;
const CHUNK_MS = 20_000;
const CHUNKS = (20 * MINUTE_MS) / CHUNK_MS;

const stack = inject("stack");
let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(() => browser?.close());

test("opened at minute 15 it fetches under a fifth of its chunks", async () => {
  const session = makeSession(20 * MINUTE_MS);
  for (let seq = 0; seq < CHUNKS; seq++) await upload(session, seq);
  await manifestOf(stack, session.id, ({ counts }) => counts.chunks === CHUNKS);

  const page = await browser.newPage();
  const traffic = countTraffic(page, stack.up);
  await page.goto(link(stack.up, session.id, session.start_ms + 15 * MINUTE_MS + 500));
  await inState(page, "paused");
  const clock = (await replayed(page)).locator("#clock");
  await expect.poll(() => clock.textContent()).toBe(String(15 * 60));
  expect(traffic.chunks.length).toBeGreaterThan(0);
  expect(traffic.chunks.length).toBeLessThan(CHUNKS / 5);
});

/** Uploads one batch of a page on which a text says the second, as a recorder would have. */
async function upload(session: Session, seq: number): Promise<void> {
  const from_ms = session.start_ms + seq * CHUNK_MS;
  const events = seq % 6 === 0 ? snapshot(session, from_ms) : [];
  for (let ms = from_ms + (events.length > 0 ? 1000 : 0); ms < from_ms + CHUNK_MS; ms += 1000)
    events.push(tick(session, ms));
  const batch = gzip(events.map((event) => JSON.stringify(event)).join("\n"));
  const answer = await fetch(`${stack.up.edge}/v1/batches?key=${stack.up.project_key}`, {
    method: "POST",
    headers: { "Content-Type": "text/plain", Origin: new URL(stack.up.demo).origin },
    body: new Uint8Array(makeBody(session, batch, { seq, sent: from_ms + CHUNK_MS })),
  });
  expect(await answer.json()).toEqual({ outcome: "stored" });
}

function second(session: Session, ms: number): string {
  return String((ms - session.start_ms) / 1000);
}

function snapshot(session: Session, timestamp: number): object[] {
  const text = { type: 3, textContent: second(session, timestamp), id: 6 };
  const clock = { type: 2, tagName: "h1", attributes: { id: "clock" }, childNodes: [text], id: 5 };
  const body = { type: 2, tagName: "body", attributes: {}, childNodes: [clock], id: 4 };
  const head = { type: 2, tagName: "head", attributes: {}, childNodes: [], id: 3 };
  const html = { type: 2, tagName: "html", attributes: {}, childNodes: [head, body], id: 2 };
  const node = { type: 0, childNodes: [html], id: 1 };
  return [
    { type: 4, timestamp, data: { href: "https://shop.example/", width: 800, height: 600 } },
    { type: 2, timestamp, data: { node, initialOffset: { left: 0, top: 0 } } },
  ];
}

function tick(session: Session, timestamp: number): object {
  const texts = [{ id: 6, value: second(session, timestamp) }];
  const data = { source: 0, texts, attributes: [], removes: [], adds: [] };
  return { type: 3, timestamp, data };
}
