/** The built player in Chromium, over real HTTP, with its policy in force. */

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { inState, replayedText, seek } from "../../tests/harness/player.ts";
import {
  checkpoint,
  clockText,
  makeUp,
  manifestOf,
  type Probe,
  type Recording,
  record,
  sessionIdAt,
  storedChunk,
} from "./recording.ts";
import { serialise } from "./serialise.ts";
import { type Stack, startStack, TOKEN } from "./server.ts";

let browser: Browser;
let stack: Stack;
let recorded: Recording;
let context: BrowserContext;
let page: Page;
/** What the page complained of. */
let complaints: string[];

const HOUR_AGO = Math.floor(Date.now() / 1000) * 1000 - 3_600_000;
const twentyMinutes = makeUp({
  startMs: HOUR_AGO,
  minutes: 20,
  chunkSeconds: 20,
  checkpointEvery: 6,
});

beforeAll(async () => {
  browser = await launchBrowser();
  recorded = await record(browser);
});
afterAll(() => browser.close());

beforeEach(async () => {
  stack = await startStack();
  complaints = [];
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
});
afterEach(async () => {
  await context.close();
  await stack.close();
});

/** The replayed page as {@link serialise} tells it. */
async function replayedDom(): Promise<string> {
  const replayed = await page
    .locator("iframe")
    .first()
    .evaluateHandle((frame) => (frame as HTMLIFrameElement).contentDocument as Document);
  return replayed.evaluate(serialise);
}

function at(second: number): number {
  return HOUR_AGO + second * 1000;
}

describe("a recorded session", () => {
  beforeEach(() => stack.add(recorded));

  it("shows at each moment what was on the screen then, in any order", async () => {
    await page.goto(stack.link(recorded));
    await inState(page, "paused");
    const last = recorded.probes.length - 1;
    const order = [...recorded.probes.keys(), ...[last, 0, 3, 1, last - 1, 2]];
    for (const index of order) {
      const probe = recorded.probes[index] as Probe;
      await seek(page, probe.atMs);
      const { page: shown } = await inState(page, "paused", "ended");
      expect(shown).toBe(probe.page);
      expect(await replayedDom()).toBe(probe.dom);
    }
    expect(complaints).toEqual([]);
  });

  it("opens at the moment of its link", async () => {
    const probe = recorded.probes[2] as Probe;
    await page.goto(stack.link(recorded, `&at=${probe.atMs}`));
    expect((await inState(page, "paused")).timeMs).toBe(probe.atMs);
    expect(await replayedDom()).toBe(probe.dom);
  });

  it("plays through all page loads and tabs to the end", async () => {
    await page.goto(stack.link(recorded));
    await inState(page, "paused");
    await page.getByTestId("player").evaluate((root) => {
      const seen: (string | undefined)[] = [];
      Object.assign(globalThis, { __seen: seen });
      new MutationObserver(() => {
        if (seen.at(-1) !== root.dataset.page) seen.push(root.dataset.page);
      }).observe(root, { attributes: true });
    });
    await page.getByTestId("speed").selectOption("2");
    await page.getByTestId("play").click();
    await page.waitForFunction(
      (endMs) =>
        Number(document.querySelector<HTMLElement>("[data-testid=player]")?.dataset.timeMs) >=
        endMs - 1,
      recorded.manifest.ended_ms,
    );
    expect(
      await page.evaluate(() => (globalThis as unknown as { __seen: string[] }).__seen),
    ).toEqual(["aaaaaaaa", "bbbbbbbb", "cccccccc"]);
    expect(await replayedDom()).toBe((recorded.probes.at(-1) as Probe).dom);
    expect(complaints).toEqual([]);
  });

  it("goes to an error from its mark and from the list", async () => {
    await page.goto(stack.link(recorded));
    await inState(page, "paused");
    const errorMs = recorded.manifest.errors[0]?.at.at_ms;
    await page.getByTestId("error-mark").click();
    expect((await inState(page, "paused")).timeMs).toBe(errorMs);
    await page.keyboard.press("Home");
    await page.getByRole("tab", { name: "Errors" }).click();
    await page.getByTestId("error-entry").click();
    expect((await inState(page, "paused")).timeMs).toBe(errorMs);
    expect(await page.getByTestId("error-entry").textContent()).toContain("TypeError");
  });

  it("is driven by the keyboard", async () => {
    await page.goto(stack.link(recorded));
    const start = (await inState(page, "paused")).timeMs;
    await page.keyboard.press("Space");
    await inState(page, "playing");
    await page.keyboard.press("k");
    await inState(page, "paused");
    await page.keyboard.press("Home");
    await page.keyboard.press("e");
    expect((await inState(page, "paused")).timeMs).toBe(recorded.manifest.errors[0]?.at.at_ms);
    await page.keyboard.press("ArrowLeft");
    expect((await inState(page, "paused")).timeMs).toBe(start);
    await page.keyboard.press("?");
    await page.getByTestId("help").waitFor();
    await page.keyboard.press("Escape");
    await page.getByTestId("help").waitFor({ state: "hidden" });
  });
});

describe("twenty minutes", () => {
  beforeEach(() => stack.add(twentyMinutes));

  it("opened at minute 15 cost under a fifth of the chunks", async () => {
    await page.goto(stack.link(twentyMinutes, `&at=${at(900)}`));
    const { fetched, timeMs } = await inState(page, "paused");
    expect(timeMs).toBe(at(900));
    expect(await replayedText(page)).toBe(clockText(900));
    await page.waitForLoadState("networkidle");
    expect(stack.fetched.length).toBeLessThan(twentyMinutes.chunks.length / 5);
    expect(fetched).toBeLessThanOrEqual(stack.fetched.length);
    expect(stack.calls).toHaveLength(1);
  });

  it("fetch nothing twice while one moves about what is loaded", async () => {
    await page.goto(stack.link(twentyMinutes, `&at=${at(950)}`));
    await inState(page, "paused");
    await page.waitForLoadState("networkidle");
    const before = stack.fetched.length;
    for (const second of [930, 945, 900, 950]) {
      await seek(page, at(second));
      const { timeMs } = await inState(page, "paused");
      expect(await replayedText(page)).toBe(clockText(Math.floor((timeMs - HOUR_AGO) / 1000)));
    }
    expect(stack.fetched.length - before).toBeLessThanOrEqual(1);
  });

  it("cancel what is fetched for a moment that one leaves", async () => {
    await page.goto(stack.link(twentyMinutes));
    await inState(page, "paused");
    await page.waitForLoadState("networkidle");
    stack.behaviour.storeDelayMs = 2_000;
    let cancelled = 0;
    page.on("requestfailed", (request) => {
      if (request.url().startsWith(stack.store)) cancelled++;
    });
    await seek(page, at(470));
    await inState(page, "loading");
    await expect.poll(() => stack.fetched.length).toBeGreaterThan(3);
    stack.behaviour.storeDelayMs = 0;
    await seek(page, at(1100));
    const { timeMs } = await inState(page, "paused");
    expect(await replayedText(page)).toBe(clockText(Math.floor((timeMs - HOUR_AGO) / 1000)));
    expect(cancelled).toBeGreaterThan(0);
  });

  it("wait for what is slow, and then go on playing", async () => {
    await page.goto(stack.link(twentyMinutes, `&at=${at(30)}`));
    await inState(page, "paused");
    await page.waitForLoadState("networkidle");
    stack.behaviour.storeDelayMs = 1_500;
    await page.getByTestId("speed").selectOption("16");
    await page.getByTestId("play").click();
    await inState(page, "playing");
    await inState(page, "loading");
    await inState(page, "playing");
    await page.getByTestId("play").click();
    const { timeMs } = await inState(page, "paused");
    expect(await replayedText(page)).toBe(clockText(Math.floor((timeMs - HOUR_AGO) / 1000)));
  });

  it("have URLs signed anew when they have expired", async () => {
    // 20 s before its end a URL is no longer used.
    stack.behaviour.urlLifeMs = 20_300;
    await page.goto(stack.link(twentyMinutes));
    await inState(page, "paused");
    await page.waitForTimeout(400);
    await seek(page, at(1100));
    await inState(page, "paused");
    expect(stack.calls.filter((call) => call.startsWith("POST")).length).toBeGreaterThan(0);
  });

  it("bear a store that fails for a while", async () => {
    stack.behaviour.storeFailures = 5;
    await page.goto(stack.link(twentyMinutes, `&at=${at(100)}`));
    await inState(page, "paused");
    expect(await replayedText(page)).toBe(clockText(100));
  });
});

describe("a hole", () => {
  // Seconds 100 to 120 are lost, without a checkpoint until 120.
  const lost = twentyMinutes.chunks[5]?.name as string;

  it("of which the manifest tells does not blank the picture, and is skipped", async () => {
    const chunks = twentyMinutes.chunks.filter((chunk) => chunk.name !== lost);
    const holed = {
      ...twentyMinutes,
      chunks,
      manifest: manifestOf("demo", twentyMinutes.session, chunks),
    };
    stack.add(holed);
    await page.goto(stack.link(holed, `&at=${at(110)}`));
    await inState(page, "paused");
    expect(await replayedText(page)).toBe(clockText(99));
    expect(await page.getByTestId("remark").textContent()).toContain("Nothing was stored here");
    expect(await page.getByTestId("hole").count()).toBe(1);
    await page.getByTestId("play").click();
    await page.getByTestId("remark").getByText("Skipped").waitFor();
    await page.getByTestId("play").click();
    const { timeMs } = await inState(page, "paused");
    // Not before the snapshot behind the hole: until then the picture is the old one.
    expect(timeMs).toBeGreaterThanOrEqual(at(120) + 40);
    expect(timeMs).toBeLessThan(at(125));
    expect(await replayedText(page)).toBe(clockText(Math.floor((timeMs - HOUR_AGO) / 1000)));
  });

  it("that only the store has is found out, shown and passed", async () => {
    stack.add(twentyMinutes);
    stack.behaviour.lost.add(lost);
    await page.goto(stack.link(twentyMinutes, `&at=${at(110)}`));
    await inState(page, "paused");
    await page.getByTestId("hole").waitFor();
    expect(await replayedText(page)).toBe(clockText(99));
  });

  it("where the checkpoint was leaves the picture from the one before, with a remark", async () => {
    stack.add(twentyMinutes);
    stack.behaviour.lost.add(twentyMinutes.chunks[6]?.name as string);
    await page.goto(stack.link(twentyMinutes, `&at=${at(150)}`));
    await inState(page, "paused");
    expect(await replayedText(page)).toBe(clockText(150));
    expect(await page.getByTestId("remark").textContent()).toContain("may lack changes");
  });

  it("at the start begins at the first checkpoint there is", async () => {
    stack.add(twentyMinutes);
    stack.behaviour.lost.add(twentyMinutes.chunks[0]?.name as string);
    await page.goto(stack.link(twentyMinutes));
    const { timeMs } = await inState(page, "paused");
    expect(timeMs).toBe(at(120) + 40);
    expect(await replayedText(page)).toBe(clockText(120));
  });
});

describe("an event at which rrweb throws", () => {
  const session = sessionIdAt(HOUR_AGO);
  /** Removals that are no list. */
  const bad = { source: 8, id: 5, removes: 5 };
  const changed = {
    source: 0,
    adds: [],
    removes: [],
    attributes: [],
    texts: [{ id: 8, value: clockText(1) }],
  };
  /** So many that rrweb catches up with them in its second tree. */
  const scrolls = Array.from({ length: 9 }, (_, y) => ({ source: 3, id: 1, x: 0, y }));
  const withPages = (changes: object[]) => {
    const first = [
      ...checkpoint(at(0), 0),
      ...changes.map((data, index) => ({ type: 3, timestamp: at(1) + index * 100, data })),
      { type: 3, timestamp: at(8), data: { source: 3, id: 1, x: 0, y: 0 } },
    ] as Parameters<typeof storedChunk>[2];
    const second = [
      ...checkpoint(at(10), 10),
      { type: 3, timestamp: at(18), data: { source: 3, id: 1, x: 0, y: 0 } },
    ] as typeof first;
    const chunks = [storedChunk("bad00000", 0, first), storedChunk("good0000", 0, second)];
    const manifest = { version: 1, ...manifestOf("demo", session, chunks) };
    const recording: Recording = { project: "demo", session, chunks, manifest, probes: [] };
    stack.add(recording);
    return recording;
  };

  it("is left out, with a remark, and what follows is shown", async () => {
    await page.goto(stack.link(withPages([bad, changed]), `&at=${at(5)}`));
    await inState(page, "paused");
    expect(await replayedText(page)).toBe(clockText(1));
    expect(await page.getByTestId("remark").textContent()).toContain("may lack changes");
    await seek(page, at(14));
    expect(await replayedText(page)).toBe(clockText(10));
    expect(await page.getByTestId("remark").count()).toBe(0);
  });

  it("does not stop what plays", async () => {
    await page.goto(stack.link(withPages([bad, changed]), `&at=${at(0) + 500}`));
    await inState(page, "paused");
    await page.getByTestId("play").click();
    await expect.poll(() => replayedText(page)).toBe(clockText(1));
    expect(complaints).toEqual([]);
  });

  it("among many that are caught up with is told of", async () => {
    await page.goto(stack.link(withPages([changed, bad, ...scrolls]), `&at=${at(5)}`));
    await inState(page, "paused");
    expect(await page.getByTestId("remark").textContent()).toContain("may lack changes");
    expect(complaints).toEqual([]);
  });

  it("where it cannot be left out costs that page load, not the session", async () => {
    const adopted = { source: 15, id: 1, styleIds: [1], styles: [{ styleId: 1, rules: [] }] };
    const changes = [adopted, changed, { source: 8, styleId: 1, removes: 5 }];
    await page.goto(stack.link(withPages(changes), `&at=${at(5)}`));
    await inState(page, "paused");
    expect(await replayedText(page)).toBe(clockText(1));
    expect(await page.getByTestId("remark").textContent()).toContain("may lack changes");
    // All the same session, of another address: a page that is only led to another fragment is not loaded again.
    await page.goto("about:blank");
    await page.goto(stack.link(withPages([...changes, ...scrolls]), `&at=${at(5)}`));
    await inState(page, "paused");
    expect(await replayedText(page)).toBe(clockText(10));
    expect(await page.locator("iframe").count()).toBe(1);
    expect(complaints).toEqual([]);
  });
});

describe("a session that goes on", () => {
  it("is watched before any manifest is written", async () => {
    stack.add(recorded, { manifest: null, newer: recorded.chunks });
    const probe = recorded.probes[4] as Probe;
    await page.goto(stack.link(recorded, `&at=${probe.atMs}`));
    await expect.poll(replayedDom).toBe(probe.dom);
    expect((await inState(page, "paused")).timeMs).toBe(probe.atMs);
  });

  it("has what came after the manifest was written", async () => {
    const older = twentyMinutes.chunks.slice(0, -2);
    stack.add(twentyMinutes, {
      manifest: manifestOf("demo", twentyMinutes.session, older),
      newer: twentyMinutes.chunks.slice(-2),
    });
    await page.goto(stack.link(twentyMinutes, "&at=end"));
    await expect.poll(() => replayedText(page)).toBe(clockText(1199));
    await inState(page, "ended");
  });

  it("grows while it is watched", async () => {
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    const live = makeUp({
      startMs: nowMs - 60_000,
      minutes: 1,
      chunkSeconds: 10,
      checkpointEvery: 3,
    });
    const soFar = live.chunks.slice(0, 4);
    stack.add(live, { manifest: manifestOf("demo", live.session, soFar) });
    await page.goto(stack.link(live, "&at=end"));
    await inState(page, "paused");
    expect(await page.getByTestId("player").getAttribute("data-live")).toBe("true");
    await page.getByTestId("play").click();
    await page.getByTestId("status").getByText("Waiting for more").waitFor();
    stack.add(live, {
      manifest: manifestOf("demo", live.session, soFar),
      newer: live.chunks.slice(4),
    });
    await expect.poll(() => replayedText(page), { timeout: 15_000 }).toBe(clockText(41));
  });

  it("is waited for if nothing of it has arrived", async () => {
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    const young = makeUp({ startMs: nowMs, minutes: 1, chunkSeconds: 10, checkpointEvery: 3 });
    await page.goto(stack.link(young));
    await inState(page, "waiting");
    stack.add(young);
    await inState(page, "paused");
  });
});

describe("a token", () => {
  beforeEach(() => stack.add(twentyMinutes));

  it("leaves the address bar, and outlives a reload in this tab", async () => {
    await page.goto(stack.link(twentyMinutes, `&at=${at(60)}`));
    await inState(page, "paused");
    expect(page.url()).not.toContain(TOKEN);
    expect(page.url()).toContain(`at=${at(60)}`);
    await page.reload();
    expect((await inState(page, "paused")).timeMs).toBe(at(60));
  });

  it("goes to no edge that a link names", async () => {
    const origins = new Set<string>();
    page.on("request", (request) => origins.add(new URL(request.url()).origin));
    await page.goto(stack.link(twentyMinutes, "&edge=http://127.0.0.1:9"));
    await inState(page, "paused");
    expect([...origins].sort()).toEqual([stack.player, stack.edge, stack.store].sort());
  });

  it("that has expired is asked for again", async () => {
    stack.behaviour.tokenWorks = false;
    await page.goto(stack.link(twentyMinutes));
    await inState(page, "failed");
    await page.getByText("This link no longer opens the session").waitFor();
    stack.behaviour.tokenWorks = true;
    await page.locator("input[name=token]").fill(TOKEN);
    await page.keyboard.press("Enter");
    await inState(page, "paused");
  });

  it("is asked for where a link has none, and on the first screen", async () => {
    await page.goto(`${stack.player}/#/sessions/demo/${twentyMinutes.session}`);
    await inState(page, "locked");
    await page.goto(`${stack.player}/#/`);
    await page.getByLabel("Link or session id").fill(twentyMinutes.session);
    await page.getByLabel("Project").fill("demo");
    await page.getByRole("button", { name: "Watch" }).click();
    await page.getByText("Watching needs a token").waitFor();
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("button", { name: "Watch" }).click();
    await inState(page, "paused");
  });
});

describe("what goes wrong", () => {
  it("is told: no such session", async () => {
    await page.goto(stack.link(twentyMinutes));
    await page.getByText("There is no such session").waitFor();
  });

  it("is told: a link that was cut off", async () => {
    await page.goto(`${stack.player}/#/sessions/demo/6553`);
    await page.getByText("the link may have been cut off").waitFor();
  });
});

describe("a hostile recording", () => {
  it("runs nothing, calls nobody, and leaves the player where it is", async () => {
    const element = (
      id: number,
      tagName: string,
      attributes: object,
      childNodes: object[] = [],
    ) => ({
      type: 2,
      tagName,
      attributes,
      childNodes,
      id,
    });
    const evil = "http://127.0.0.1:9";
    const run = `window.top.__ran = true; fetch("${evil}/ran")`;
    const css = `body{background:url(${evil}/css)} @import url(${evil}/import); @font-face{font-family:x;src:url(${evil}/font)} p{font-family:x}`;
    const body = [
      element(20, "img", { src: `${evil}/img`, onerror: run }),
      element(21, "script", {}, [{ type: 3, textContent: run, id: 22 }]),
      element(23, "iframe", { srcdoc: `<script>${run}</script>`, src: `${evil}/iframe` }),
      element(24, "iframe", { src: `javascript:${run}` }),
      element(25, "object", { data: `${evil}/object` }),
      element(26, "embed", { src: `${evil}/embed` }),
      element(27, "meta", { "http-equiv": "refresh", content: `0;url=${evil}/refresh` }),
      element(28, "base", { href: `${evil}/base/` }),
      element(29, "link", { rel: "stylesheet", href: `${evil}/sheet` }),
      element(30, "link", { rel: "preconnect dns-prefetch prefetch", href: `${evil}/prefetch` }),
      element(31, "video", { src: `${evil}/video`, poster: `${evil}/poster`, autoplay: true }),
      element(33, "form", { action: `${evil}/form` }, [
        element(34, "input", { autofocus: true, onfocus: run }),
      ]),
      element(35, "style", {}, [{ type: 3, textContent: css, isStyle: true, id: 36 }]),
      element(37, "details", { open: true, ontoggle: run }),
      { ...element(38, "svg", { onload: run }), isSVG: true },
      { ...element(39, "image", { "xlink:href": `${evil}/svg` }), isSVG: true },
    ];
    const startMs = HOUR_AGO;
    const change = (attributes: object) => ({
      type: 3,
      timestamp: startMs + 200,
      data: { source: 0, texts: [], removes: [], adds: [], attributes: [{ id: 20, attributes }] },
    });
    const events = [
      ...checkpoint(startMs, 0, body),
      change({ src: `${evil}/changed`, onclick: run }),
      {
        type: 3,
        timestamp: startMs + 300,
        data: { source: 9, id: 20, property: "drawImage", args: [`${evil}/canvas`] },
      },
      {
        type: 3,
        timestamp: startMs + 400,
        data: { source: 8, id: 35, adds: [{ rule: `p{background:url(${evil}/rule)}` }] },
      },
      {
        type: 3,
        timestamp: startMs + 900,
        data: { source: 5, id: 34, text: "typed", isChecked: false },
      },
    ];
    const chunks = [storedChunk("hhhhhhhh", 0, events as never[])];
    const hostile: Recording = {
      ...twentyMinutes,
      chunks,
      manifest: manifestOf("demo", twentyMinutes.session, chunks),
    };
    stack.add(hostile);
    const strangers: string[] = [];
    await context.route(`${evil}/**`, (route) => {
      strangers.push(route.request().url());
      return route.abort();
    });
    let dialogs = 0;
    page.on("dialog", (dialog) => {
      dialogs++;
      return dialog.dismiss();
    });
    await page.goto(stack.link(hostile));
    await inState(page, "paused");
    await page.getByTestId("play").click();
    await inState(page, "ended");
    await page.waitForTimeout(500);
    expect(await replayedText(page)).toContain(clockText(0));
    expect(await page.evaluate(() => "__ran" in globalThis)).toBe(false);
    expect(strangers).toEqual([]);
    expect(dialogs).toBe(0);
    expect(page.url()).toContain(twentyMinutes.session);
    expect(await page.locator("iframe").first().getAttribute("sandbox")).toBe("allow-same-origin");
  });
});
