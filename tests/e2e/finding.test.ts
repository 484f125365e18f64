// A session is found in the indexer's own tables, leads from its error to the moment of it, is shared, and plays from its tape: all through the real edge.

import { randomBytes } from "node:crypto";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { launchBrowser } from "../harness/browser.ts";
import { inState, replayed } from "../harness/player.ts";
import { until } from "../harness/until.ts";
import { gzip, makeBody, makeSession } from "../harness/upload.ts";
import { manifestOf } from "./manifest.ts";
import { sealTape } from "./tape.ts";
import { countTraffic, link } from "./watching.ts";

const SECONDS = 40;
const ERROR_SECOND = 27;

const stack = inject("stack");
const { edge, player, project, viewer_token } = stack.up;
const session = makeSession(10 * 60_000);
const release = `finding@${randomBytes(4).toString("hex")}`;
const message = `the basket of ${release} is empty`;
const errorMs = session.start_ms + ERROR_SECOND * 1000;

let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
  for (const [seq, [from, to]] of [
    [0, SECONDS / 2],
    [SECONDS / 2, SECONDS],
  ].entries()) {
    const events = eventsOf(from as number, to as number);
    const batch = gzip(events.map((event) => JSON.stringify(event)).join("\n"));
    const sent = session.start_ms + (to as number) * 1000;
    const answer = await fetch(`${edge}/v1/batches?key=${stack.up.project_key}`, {
      method: "POST",
      headers: { "Content-Type": "text/plain", Origin: new URL(stack.up.demo).origin },
      body: new Uint8Array(makeBody(session, batch, { seq, sent })),
    });
    expect(await answer.json()).toEqual({ outcome: "stored" });
  }
  await manifestOf(stack, session.id, ({ counts }) => counts.chunks === 2 && counts.errors === 1);
});
afterAll(() => browser?.close());

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  page = await context.newPage();
});
afterEach(() => context.close());

/** Opens a list, and again until it tells of so many. */
async function find(hash: string, row: string): Promise<void> {
  await context.addInitScript(
    ([name, token]) => sessionStorage.setItem(name as string, token as string),
    [`tapedeck.token ${edge} ${project}`, viewer_token],
  );
  await until("the rows", async () => {
    await page.goto("about:blank");
    await page.goto(`${player}/#/find/${project}/${hash}`);
    await page.locator("[data-testid=find][data-state=done]").waitFor({ timeout: 10_000 });
    return (await page.getByTestId(row).count()) === 1 || undefined;
  });
}

async function shownSecond(on: Page): Promise<string | null> {
  return (await replayed(on)).locator("#clock").textContent();
}

test("is listed by what the tables hold, and opens from there", async () => {
  await find(`sessions?release=${encodeURIComponent(release)}`, "session-row");
  expect(await page.getByTestId("count").textContent()).toBe("1 session");
  await page.getByTestId("session-row").click();
  await page.waitForURL(new RegExp(session.id));
  await inState(page, "paused");
  expect(await shownSecond(page)).toBe("0");
});

test("is left out by a filter that it does not satisfy", async () => {
  await find(`sessions?release=${encodeURIComponent(release)}`, "session-row");
  await page.goto(`${player}/#/find/${project}/sessions?release=${release}&rage=1`);
  await page.getByTestId("nothing").waitFor();
});

test("is reached from its error's group, a little before the error", async () => {
  await find(`errors?release=${encodeURIComponent(release)}`, "group-row");
  expect(await page.getByTestId("group-row").textContent()).toContain("TypeError");
  await page.getByTestId("group-row").click();
  await page.waitForURL(/errors\/v1/);
  await page.getByTestId("session-row").click();
  await page.waitForURL(new RegExp(session.id));
  const { timeMs } = await inState(page, "paused");
  expect(timeMs).toBeLessThanOrEqual(errorMs);
  expect(timeMs).toBeGreaterThanOrEqual(errorMs - 5_000);
  expect(await shownSecond(page)).toBe(String(ERROR_SECOND - 5));
});

test("is shared by a grant, without an account", async () => {
  await page.goto(link(stack.up, session.id, session.start_ms + 12_500));
  await inState(page, "paused");
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await page.getByTestId("make-link").click();
  const shared = await page.getByTestId("share-link").inputValue();
  expect(shared).toContain("grant=");
  expect(shared).not.toContain(viewer_token);
  const guest = await browser.newContext();
  try {
    const seen = await guest.newPage();
    await seen.goto(shared);
    await inState(seen, "paused");
    expect(seen.url()).not.toContain("grant=");
    expect(await shownSecond(seen)).toBe("12");
    // Of this session, and of no other.
    await seen.goto(`${player}/#/find/${project}/sessions`);
    await seen.getByPlaceholder("Token").waitFor();
  } finally {
    await guest.close();
  }
});

// Last: from then on the session plays from its tape.
test("plays from its tape, by two ranges", async () => {
  await sealTape(stack, session.id);
  const traffic = countTraffic(page, stack.up);
  await page.goto(link(stack.up, session.id, session.start_ms + 33_500));
  await inState(page, "paused");
  await expect.poll(() => shownSecond(page)).toBe("33");
  expect(traffic.chunks.every((key) => key.endsWith(".tape"))).toBe(true);
  expect(traffic.chunks).toHaveLength(2);
  // Its row tells by now what came behind its first chunk (spec/tables.md, "Repeats").
  await find(`sessions?release=${encodeURIComponent(release)}&errors=1`, "session-row");
});

/** A page with a clock that tells the second, on which something goes wrong. */
function eventsOf(from: number, to: number): object[] {
  const events: object[] = [];
  for (let second = from; second < to; second++) {
    const timestamp = session.start_ms + second * 1000;
    if (second === 0) events.push(opening(timestamp));
    if (second === from) events.push(...snapshot(timestamp, second));
    else events.push({ type: 3, timestamp, data: tick(second) });
    if (second === ERROR_SECOND) {
      const payload = { type: "TypeError", message, handled: false, mechanism: "onerror" };
      events.push({ type: 5, timestamp, data: { tag: "tapedeck.error", payload } });
    }
  }
  return events;
}

function opening(timestamp: number): object {
  const payload = { tab: "tab00001", url: "http://localhost/basket", title: "Basket", release };
  return { type: 5, timestamp, data: { tag: "tapedeck.session", payload } };
}

function tick(second: number): object {
  return {
    source: 0,
    texts: [{ id: 6, value: String(second) }],
    attributes: [],
    removes: [],
    adds: [],
  };
}

function snapshot(timestamp: number, second: number): object[] {
  const element = (id: number, tagName: string, childNodes: object[], attributes = {}) => {
    return { type: 2, tagName, attributes, childNodes, id };
  };
  const clock = element(5, "h1", [{ type: 3, textContent: String(second), id: 6 }], {
    id: "clock",
  });
  const html = element(2, "html", [element(3, "head", []), element(4, "body", [clock])]);
  return [
    {
      type: 4,
      timestamp,
      data: { href: "http://localhost/basket", width: 800, height: 600 },
    },
    {
      type: 2,
      timestamp,
      data: {
        node: { type: 0, childNodes: [html], id: 1 },
        initialOffset: { left: 0, top: 0 },
      },
    },
  ];
}
