/** Sessions to play: one recorded in a browser, one made up. Both end as the chunks and the manifest of spec/. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import type { eventWithTime } from "@rrweb/types";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { summarise } from "../src/load/summary.ts";
import { chunkName, type Manifest } from "../src/session/manifest.ts";
import { serialise } from "./serialise.ts";

export interface StoredChunk {
  page: string;
  seq: number;
  hash: string;
  name: string;
  body: Buffer;
  events: eventWithTime[];
}

export interface Recording {
  project: string;
  session: string;
  chunks: StoredChunk[];
  manifest: Manifest;
  /** What the recorded page looked like at some moments. */
  probes: Probe[];
}

export interface Probe {
  page: string;
  atMs: number;
  dom: string;
}

/** One chunk as it lies in the bucket. */
export function storedChunk(page: string, seq: number, events: eventWithTime[]): StoredChunk {
  const text = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8);
  return { page, seq, hash, name: chunkName(page, seq, hash), body: gzipSync(text), events };
}

/** The manifest of a set of chunks: the fields that a player reads, by the rules of spec/manifest.md. */
export function manifestOf(
  project: string,
  session: string,
  chunks: readonly StoredChunk[],
): Manifest {
  const pages = new Map<string, Manifest["pages"][number]>();
  const errors: Manifest["errors"] = [];
  const markers: Manifest["markers"] = [];
  for (const chunk of [...chunks].sort((a, b) => a.seq - b.seq)) {
    const { first_ms, last_ms, checkpoints, active, opening, ...summary } = summarise(chunk.events);
    const page = pages.get(chunk.page) ?? { page: chunk.page, first_ms, last_ms, chunks: [] };
    if (page.opening === undefined && opening !== undefined) page.opening = opening;
    page.first_ms = Math.min(page.first_ms, first_ms);
    page.last_ms = Math.max(page.last_ms, last_ms);
    page.chunks.push({
      seq: chunk.seq,
      hash: chunk.hash,
      first_ms,
      last_ms,
      bytes: chunk.body.length,
      inflated_bytes: gunzipSync(chunk.body).length,
      events: summary.events,
      checkpoints,
      ...(active === undefined ? {} : { active }),
    });
    pages.set(chunk.page, page);
    for (const { at_ms, type, message } of summary.errors) {
      errors.push({ at: { at_ms, page: chunk.page }, type, message });
    }
    for (const { at_ms, label } of summary.navigations) {
      markers.push({ at: { at_ms, page: chunk.page }, kind: "navigation", label });
    }
  }
  const list = [...pages.values()].sort((a, b) => a.first_ms - b.first_ms);
  const fields = {
    version: 1,
    core: 1,
    project,
    session,
    started_ms: Math.min(...list.map((page) => page.first_ms)),
    ended_ms: Math.max(...list.map((page) => page.last_ms)) + 1,
    skew_ms: 0,
    users: ["u_17"],
    environment:
      chunks
        .map((chunk) => summarise(chunk.events).environment)
        .find((found) => found !== undefined) ?? {},
    pages: list,
    errors: errors.sort((a, b) => a.at.at_ms - b.at.at_ms),
    errors_omitted: 0,
    markers,
  };
  return fields;
}

export function sessionIdAt(startMs: number): string {
  const seconds = Math.floor(startMs / 1000)
    .toString(16)
    .padStart(8, "0");
  return seconds + createHash("sha256").update(seconds).digest("hex").slice(0, 24);
}

/** Someone uses a small shop for some seconds: two page loads in one tab, and a second tab in between. */
export async function record(browser: Browser): Promise<Recording> {
  const recorder = await readFile(
    fileURLToPath(
      new URL("../../node_modules/@rrweb/record/dist/record.umd.min.cjs", import.meta.url),
    ),
    "utf8",
  );
  const shop = await readFile(new URL("./shop.html", import.meta.url), "utf8");
  const server = createServer((_request, response) =>
    response.setHeader("Content-Type", "text/html").end(shop),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const context = await browser.newContext({ viewport: { width: 1024, height: 640 } });
  try {
    return await useShop(context, origin, recorder);
  } finally {
    await context.close();
    server.close();
  }
}

async function useShop(
  context: BrowserContext,
  origin: string,
  recorder: string,
): Promise<Recording> {
  const streams = new Map<string, eventWithTime[]>();
  const probes: Probe[] = [];
  await context.exposeBinding("__emit", (_source, page: string, event: eventWithTime) => {
    streams.set(page, [...(streams.get(page) ?? []), event]);
  });
  await context.addInitScript({ content: recorder });

  async function begin(tab: Page, page: string, tabName: string): Promise<void> {
    await tab.evaluate(
      ([page, tabName]) => {
        const api = globalThis as unknown as {
          rrwebRecord: {
            record: ((options: object) => void) & {
              addCustomEvent(tag: string, payload: unknown): void;
            };
          };
          __emit(page: string, event: unknown): Promise<void>;
        };
        const emitted: Promise<void>[] = [];
        Object.assign(globalThis, { __emitted: emitted });
        const emit = (event: unknown) => emitted.push(api.__emit(page as string, event));
        emit({
          type: 5,
          timestamp: Date.now(),
          data: {
            tag: "tapedeck.session",
            payload: {
              tab: tabName,
              url: location.href,
              title: document.title,
              release: "shop@1.4.2",
              environment: "demo",
              browser: { user_agent: navigator.userAgent, viewport: [innerWidth, innerHeight] },
            },
          },
        });
        api.rrwebRecord.record({ emit });
        addEventListener("error", (event) => {
          api.rrwebRecord.record.addCustomEvent("tapedeck.error", {
            type: event.error?.name,
            message: event.error?.message,
            handled: false,
          });
        });
      },
      [page, tabName] as const,
    );
  }
  async function probe(tab: Page, page: string): Promise<void> {
    // Nothing changes for a moment on either side, so that the probe has one time.
    await tab.waitForTimeout(150);
    const atMs = await tab.evaluate(() => Date.now());
    const dom = await (await tab.evaluateHandle(() => document)).evaluate(serialise);
    probes.push({ page, atMs, dom });
    await tab.waitForTimeout(150);
  }
  async function settled(tab: Page): Promise<void> {
    await tab.waitForTimeout(700);
    await tab.evaluate(() =>
      Promise.all((globalThis as unknown as { __emitted: Promise<void>[] }).__emitted),
    );
  }

  const first = await context.newPage();
  await first.goto(`${origin}/#/`);
  await begin(first, "aaaaaaaa", "tab00001");
  await probe(first, "aaaaaaaa");
  await first.mouse.move(300, 200, { steps: 8 });
  await first.fill("#search", "lamp");
  await probe(first, "aaaaaaaa");
  await first.fill("#search", "");
  await first.click("text=Paper lamp");
  await first.waitForTimeout(400);
  await first.click("text=Wool blanket");
  await probe(first, "aaaaaaaa");
  await first.evaluate(() => document.querySelector("#log")?.scrollTo(0, 120));
  await first.click("#break");
  await probe(first, "aaaaaaaa");

  const second = await context.newPage();
  await settled(first);
  await second.goto(`${origin}/#/help`);
  await begin(second, "bbbbbbbb", "tab00002");
  await second.click("text=Clay mug");
  await probe(second, "bbbbbbbb");
  await settled(second);
  await second.close();

  await first.bringToFront();
  await first.goto(`${origin}/cart#/cart`);
  await begin(first, "cccccccc", "tab00001");
  await first.click("text=Cork board");
  await probe(first, "cccccccc");
  await first.click("text=Linen apron");
  await probe(first, "cccccccc");
  await settled(first);

  const chunks: StoredChunk[] = [];
  for (const [page, events] of streams) {
    for (const [seq, part] of bySeconds(events, 1.5).entries())
      chunks.push(storedChunk(page, seq, part));
  }
  const session = sessionIdAt(Math.min(...chunks.map((chunk) => chunk.events[0]?.timestamp ?? 0)));
  return {
    project: "demo",
    session,
    chunks,
    manifest: manifestOf("demo", session, chunks),
    probes,
  };
}

function bySeconds(events: readonly eventWithTime[], seconds: number): eventWithTime[][] {
  const parts: eventWithTime[][] = [];
  let untilMs = 0;
  for (const event of events) {
    if (event.timestamp >= untilMs) {
      parts.push([]);
      untilMs = event.timestamp + seconds * 1000;
    }
    parts.at(-1)?.push(event);
  }
  return parts;
}

export interface MadeUp {
  startMs: number;
  minutes: number;
  chunkSeconds: number;
  /** Every so many chunks begin with a checkpoint. */
  checkpointEvery: number;
  /** Text that each chunk holds beside what is shown. */
  ballastBytes?: number;
}

/** A page with a clock that tells the second in its text, for as long as is wanted. */
export function makeUp(wanted: MadeUp): Recording {
  const { startMs, minutes, chunkSeconds, checkpointEvery, ballastBytes = 0 } = wanted;
  const page = "mmmmmmmm";
  const ballast = "x".repeat(ballastBytes);
  const chunks: StoredChunk[] = [];
  const session = sessionIdAt(startMs);
  for (let seq = 0; seq < (minutes * 60) / chunkSeconds; seq++) {
    const events: unknown[] = [];
    for (let s = seq * chunkSeconds; s < (seq + 1) * chunkSeconds; s++) {
      const timestamp = startMs + s * 1000;
      if (s === 0) {
        const payload = { tab: "tab00001", url: "https://clock.example/", title: "A clock" };
        events.push({ type: 5, timestamp, data: { tag: "tapedeck.session", payload } });
      }
      if (s === seq * chunkSeconds && seq % checkpointEvery === 0)
        events.push(...checkpoint(timestamp, s));
      else events.push({ type: 3, timestamp, data: mutation([{ id: 8, value: clockText(s) }]) });
      if (s % 300 === 200) {
        const payload = { type: "TypeError", message: `x is undefined at second ${s}` };
        events.push({ type: 5, timestamp, data: { tag: "tapedeck.error", payload } });
      }
    }
    if (ballastBytes > 0) {
      const payload = { name: "ballast", properties: { text: ballast } };
      const timestamp = startMs + seq * chunkSeconds * 1000 + 500;
      events.push({ type: 5, timestamp, data: { tag: "tapedeck.custom", payload } });
    }
    chunks.push(storedChunk(page, seq, events as eventWithTime[]));
  }
  return {
    project: "demo",
    session,
    chunks,
    manifest: manifestOf("demo", session, chunks),
    probes: [],
  };
}

export function clockText(second: number): string {
  return `second ${second}`;
}

function mutation(texts: { id: number; value: string }[]): object {
  return { source: 0, texts, attributes: [], removes: [], adds: [] };
}

/** A meta event and a full snapshot of the page with the clock. */
export function checkpoint(timestamp: number, second: number, body: object[] = []): object[] {
  const element = (id: number, tagName: string, childNodes: object[], attributes = {}) => ({
    type: 2,
    tagName,
    attributes,
    childNodes,
    id,
  });
  const text = (id: number, textContent: string, isStyle = false) => ({
    type: 3,
    textContent,
    id,
    isStyle,
  });
  const style =
    "body{font:600 64px system-ui;display:grid;place-items:center;height:90vh;color:#223;background:#eef1f6}";
  const node = {
    type: 0,
    id: 1,
    childNodes: [
      { type: 1, name: "html", publicId: "", systemId: "", id: 2 },
      element(3, "html", [
        element(4, "head", [element(5, "style", [text(6, style, true)])]),
        element(7, "body", [
          element(9, "p", [text(8, clockText(second))], { id: "clock" }),
          ...body,
        ]),
      ]),
    ],
  };
  return [
    { type: 4, timestamp, data: { href: "https://clock.example/", width: 960, height: 540 } },
    { type: 2, timestamp: timestamp + 40, data: { node, initialOffset: { left: 0, top: 0 } } },
  ];
}
