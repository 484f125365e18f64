/** The collection of hostile recordings, in the player, embedded, and exported: nothing runs, nothing is asked, nothing hangs. */

import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import type { eventWithTime } from "@rrweb/types";
import type { Browser, BrowserContext, Frame, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { inState } from "../../tests/harness/player.ts";
import { exportSession } from "../src/export/export.ts";
import type { Source } from "../src/source/source.ts";
import { type Case, hostileCases } from "./hostile/cases.ts";
import { heavyCases } from "./hostile/heavy.ts";
import {
  checkpoint,
  clockText,
  manifestOf,
  type Recording,
  sessionIdAt,
  storedChunk,
} from "./recording.ts";
import { GRANT, type Stack, startStack } from "./server.ts";

const START_MS = Math.floor(Date.now() / 1000) * 1000 - 7_200_000;
/** Each case is a page load of its own, so long after the one before. */
const STEP_MS = 10_000;

let browser: Browser;
let evil: Server;
let desk: Server;
let deskPage = "";
/** What reached the stranger's server, connections that asked nothing included. */
let reached: string[];
let cases: Case[];
let recording: Recording;
let stack: Stack;
let context: BrowserContext;

const originOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const listening = (server: Server) =>
  new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

beforeAll(async () => {
  browser = await launchBrowser();
  evil = createServer((request, response) => {
    reached.push(request.url ?? "");
    response.setHeader("Access-Control-Allow-Origin", "*").end("top.__ran=1");
  });
  evil.on("connection", () => reached.push("a connection"));
  desk = createServer(
    (_, response) => void response.setHeader("Content-Type", "text/html").end(deskPage),
  );
  await Promise.all([listening(evil), listening(desk)]);
  cases = hostileCases(originOf(evil));
  recording = asOneSession(cases);
});
afterAll(async () => {
  await browser.close();
  for (const server of [evil, desk]) {
    server.closeAllConnections();
    server.close();
  }
});
beforeEach(async () => {
  reached = [];
  stack = await startStack([originOf(desk)]);
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
});
afterEach(async () => {
  await context.close();
  await stack.close();
});

function asOneSession(all: readonly Case[]): Recording {
  const chunks = all.map(({ nodes, changes = [] }, index) => {
    const atMs = START_MS + index * STEP_MS;
    const events = [
      ...checkpoint(atMs, index, nodes),
      ...changes.map((data, at) => ({ type: 3, timestamp: atMs + 200 + at * 50, data })),
      { type: 3, timestamp: atMs + 2_000, data: { source: 2, type: 2, id: 7, x: 1, y: 1 } },
    ];
    return storedChunk(
      `h${String(index).padStart(7, "0")}`,
      0,
      events as unknown as eventWithTime[],
    );
  });
  const session = sessionIdAt(START_MS);
  const manifest = { version: 1, ...manifestOf("demo", session, chunks) };
  return { project: "demo", session, chunks, manifest, probes: [] };
}

/** Notes everything that a page must not do. */
function watch(page: Page): string[] {
  const seen: string[] = [];
  page.on("dialog", (dialog) => {
    seen.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("popup", (popup) => seen.push(`popup ${popup.url()}`));
  page.on("download", (download) => seen.push(`download ${download.url()}`));
  page.on("pageerror", (error) => {
    // rrweb tells a recorded medium to play and to wait within one frame, and also where nobody has pressed anything yet, as in a frame.
    if (
      !/^(The play\(\) request was interrupted|play\(\) failed because the user didn't interact)/.test(
        error.message,
      )
    )
      seen.push(`error ${error.message}`);
  });
  page.on("framenavigated", (frame) => {
    if (
      !/^(about:|file:)/.test(frame.url()) &&
      !new URL(frame.url()).hash.startsWith("#/") &&
      !/\/(embed\.html)?$/.test(new URL(frame.url()).pathname)
    )
      seen.push(`navigation ${frame.url()}`);
  });
  page.on("console", (message) => {
    // What only the sandbox or the policy has stopped would have run, or been asked, had they not been there.
    if (
      /blocked script execution|refused to|violates the following|sandbox/i.test(message.text())
    ) {
      if (!TOLERATED.some((pattern) => pattern.test(message.text()))) seen.push(message.text());
    }
  });
  return seen;
}

/** Elements that have lost their address: there is nothing that could have been loaded. */
const TOLERATED: RegExp[] = [
  /^(Framing|Loading plugin data from) '' violates/,
  /^Can't create a fenced frame\./,
];

/** Shows every case in turn. `frame` holds the player. */
async function showAll(frame: Page | Frame): Promise<void> {
  const wrong: string[] = [];
  for (const [index, { name }] of cases.entries()) {
    const timeMs = START_MS + index * STEP_MS + 1_500;
    const failure = await frame.evaluate((ms) => {
      const player = document.querySelector<HTMLElement>("[data-testid=player]");
      const line = document.querySelector<HTMLElement>("[data-testid=timeline]");
      if (player === null || line === null) {
        const detail = document.body.innerText;
        [...document.querySelectorAll("button")].at(-1)?.click();
        return detail;
      }
      const { startMs, endMs } = player.dataset;
      const box = line.getBoundingClientRect();
      const x = box.left + (box.width * (ms - Number(startMs))) / (Number(endMs) - Number(startMs));
      const init = {
        clientX: x,
        clientY: box.top + box.height / 2,
        bubbles: true,
        button: 0,
        pointerId: 1,
        isPrimary: true,
      };
      line.dispatchEvent(new PointerEvent("pointerdown", init));
      line.dispatchEvent(new PointerEvent("pointerup", init));
      return null;
    }, timeMs);
    if (failure !== null) {
      wrong.push(`before ${name}: ${failure}`);
      continue;
    }
    const shown = await frame
      .waitForFunction(
        ([page, marker]) => {
          const player = document.querySelector<HTMLElement>("[data-testid=player]");
          const inner = document.querySelector("iframe")?.contentDocument;
          return (
            player?.dataset.page === page &&
            /paused|ended/.test(player?.dataset.state ?? "") &&
            (inner?.body?.textContent ?? "").includes(marker as string)
          );
        },
        [`h${String(index).padStart(7, "0")}`, clockText(index)] as const,
        { timeout: 5_000 },
      )
      .then(
        () => true,
        () => false,
      );
    if (!shown) wrong.push(name);
  }
  expect(wrong).toEqual([]);
}

async function expectNothing(page: Page, seen: string[]): Promise<void> {
  await page.waitForTimeout(300);
  expect(seen).toEqual([]);
  expect(reached).toEqual([]);
  for (const frame of page.frames()) {
    if (frame.url().startsWith("http") || frame.url().startsWith("file:")) {
      expect(
        await frame.evaluate(() =>
          ["__ran", "polluted"].filter((name) => name in globalThis || name in {}),
        ),
      ).toEqual([]);
    }
  }
}

describe("the collection", () => {
  it("has at least 60 cases", () => {
    expect(cases.length + heavyCases(0).length).toBeGreaterThanOrEqual(60);
  });

  it("does nothing in the player, paused or playing", async () => {
    stack.add(recording);
    const page = await context.newPage();
    const seen = watch(page);
    await page.goto(stack.link(recording));
    await inState(page, "paused");
    await showAll(page);
    expect(await page.locator("iframe").first().getAttribute("sandbox")).toBe("allow-same-origin");
    await page.keyboard.press("Home");
    await page.getByTestId("speed").selectOption("16");
    await page.getByTestId("play").click();
    await page.waitForTimeout(2_000);
    await expectNothing(page, seen);
  }, 90_000);

  it("does nothing in a frame of another page", async () => {
    stack.add(recording);
    const page = await context.newPage();
    const seen = watch(page);
    deskPage = `<!doctype html><script type="module" src="${stack.player}/tapedeck-player.js"></script>
      <tapedeck-player src="${stack.player}/#/sessions/demo/${recording.session}?grant=${GRANT}" style="width:1200px;height:760px"></tapedeck-player>`;
    await page.goto(originOf(desk));
    await expect
      .poll(() => page.frames().some((frame) => frame.url().includes("embed.html")))
      .toBe(true);
    const frame = page.frames().find((frame) => frame.url().includes("embed.html")) as Frame;
    await frame.locator("[data-testid=player][data-state=paused]").waitFor();
    await showAll(frame);
    await expectNothing(page, seen);
  }, 90_000);

  it("does nothing in an exported page", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tapedeck-hostile-"));
    const path = join(folder, "session.html");
    await writeFile(path, await exported(recording));
    const page = await context.newPage();
    const seen = watch(page);
    await page.goto(pathToFileURL(path).href);
    await inState(page, "paused");
    await showAll(page);
    await expectNothing(page, seen);
  }, 90_000);
});

/** The session as an HTML file, with the standalone player as built. */
async function exported({ manifest, chunks }: Recording): Promise<Buffer> {
  const source: Source = {
    view: async () => ({ manifest, raw: manifest, newer: [], nowMs: Date.now(), coding: "gzip" }),
    async chunk(name) {
      const body = chunks.find((chunk) => chunk.name === name)?.body ?? Buffer.alloc(0);
      return { coding: "gzip", body: new Uint8Array(body).buffer };
    },
  };
  const file = async (name: string) => (await fetch(`${stack.player}/standalone/${name}`)).text();
  const { blob } = await exportSession("html", source, {
    page: "",
    assets: [],
    title: `</title><script>top.__ran=1</script>`,
    parts: async () => ({ script: await file("player.js"), style: await file("player.css") }),
    onprogress: () => {},
    signal: new AbortController().signal,
  });
  return Buffer.from(await blob.arrayBuffer());
}

describe("what is made to hang it", () => {
  it.each(heavyCases(START_MS))(
    "$name",
    async ({ lines, shown }) => {
      const made = lines();
      const body = gzipSync(made.map((line) => `${line}\n`).join(""), { level: 1 });
      const chunk = { ...storedChunk("heavy000", 0, []), body };
      const page_ = {
        page: "heavy000",
        first_ms: START_MS,
        last_ms: START_MS + 1_000,
        chunks: [
          {
            seq: 0,
            hash: chunk.hash,
            first_ms: START_MS,
            last_ms: START_MS + 1_000,
            bytes: body.length,
            inflated_bytes: 1,
            events: made.length,
            checkpoints: [[START_MS + 40, 0] as [number, number]],
          },
        ],
      };
      const session = sessionIdAt(START_MS + 1);
      const manifest = {
        version: 1,
        started_ms: START_MS,
        ended_ms: START_MS + 1_001,
        users: [],
        pages: [page_],
        errors: [],
        errors_omitted: 0,
        markers: [],
      };
      stack.add({ project: "demo", session, chunks: [chunk], manifest, probes: [] });
      const page = await context.newPage();
      const seen = watch(page);
      const began = performance.now();
      await page.goto(
        `${stack.link({ project: "demo", session, chunks: [], manifest, probes: [] })}&at=end`,
      );
      const { state } = await settledWithin(page, 15_000);
      expect(performance.now() - began).toBeLessThan(20_000);
      if (shown) {
        expect(["paused", "ended"]).toContain(state);
        const text = await page.evaluate(() =>
          document.querySelector("iframe")?.contentDocument?.body?.textContent?.slice(0, 2000),
        );
        expect(text).toContain(clockText(0));
      }
      // Whatever came of it, the player still listens.
      await page.keyboard.press("?");
      if (state !== "failed") await page.getByTestId("help").waitFor({ timeout: 5_000 });
      await expectNothing(page, seen);
    },
    60_000,
  );
});

async function settledWithin(page: Page, ms: number): Promise<{ state: string }> {
  await page
    .locator("[data-testid=player]:is([data-state=paused],[data-state=ended],[data-state=failed])")
    .waitFor({ timeout: ms });
  return { state: (await page.getByTestId("player").getAttribute("data-state")) ?? "" };
}
