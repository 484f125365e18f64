import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { projectConfig, STORED, type Upload } from "./edge.js";
import { context, edge, first, flush, open, recording, site, state } from "./setup.js";

const tags = () => edge.stored.map(({ type, data }) => (type === 5 ? data.tag : type));

test("a page load begins with tapedeck.session, then the first checkpoint", async () => {
  const page = await open("/?q=secret");
  const { header, session, events } = await first();
  expect(events.slice(0, 3).map(({ type }) => type)).toEqual([5, 4, 2]);
  expect(events[0]?.data).toEqual({
    tag: "tapedeck.session",
    payload: {
      tab: expect.stringMatching(/^[0-9A-Za-z]{8}$/),
      url: `${site.origin}/?q=******`,
      referrer: "",
      title: "A page",
      release: "r1",
      environment: "test",
      browser: {
        user_agent: expect.stringContaining("Chrome"),
        languages: expect.arrayContaining(["en-US"]),
        time_zone: expect.any(String),
        viewport: [1280, 720],
        screen: [1280, 720],
        pixel_ratio: 1,
        cores: expect.any(Number),
        memory_gb: expect.any(Number),
        connection: expect.any(Object),
        color_scheme: "light",
      },
      sdk: header.sdk,
    },
  });
  expect(events[1]?.data.href).toBe(`${site.origin}/?q=******`);
  expect(JSON.stringify(events[2])).toContain("Welcome");
  expect(header.seq).toBe(0);
  expect(await page.evaluate(() => Tapedeck.getSessionId())).toBe(session);
  await expect.poll(() => state(page)).toBe("recording");
});

test("page loads and tabs are one session, each page load a page of its own", async () => {
  site.pages.set("/two", "<h1>Two</h1>");
  const page = await open();
  await flush(page);
  await page.goto(`${site.origin}/two`);
  await flush(page);
  const other = await open("/two");
  await flush(other);
  expect(new Set(edge.uploads.map(({ session }) => session)).size).toBe(1);
  const pages = [...new Set(edge.uploads.map(({ header }) => header.page))];
  expect(pages).toHaveLength(3);
  const [one, two, three] = edge.payloads("tapedeck.session");
  expect([one.previous_page, two.previous_page, three.previous_page]).toEqual([
    undefined,
    pages[0],
    undefined,
  ]);
  expect(two.tab).toBe(one.tab);
  expect(three.tab).not.toBe(one.tab);
});

test("what is typed into fields leaves the browser nowhere", async () => {
  site.pages.set(
    "/form",
    `<p>VISIBLE-TEXT</p><form>
      <input id="name" value="CANARY-default"><input id="hidden" type="hidden" value="CANARY-hidden">
      <input id="card" autocomplete="cc-number"><input id="password" type="password"><input id="email" type="email">
      <input id="search" type="search"><input id="odd" type="odd"><textarea id="text">CANARY-area</textarea>
      <select id="select"><option>one</option><option>two</option></select>
      <input id="check" type="checkbox" value="CANARY-check"><input id="radio" type="radio" name="r" value="CANARY-radio">
      <div id="edit" contenteditable="true"><b>CANARY-bold</b></div><input type="submit" value="LABEL-TEXT">
    </form>`,
  );
  const page = await open("/form?mail=CANARY-query#CANARY-fragment");
  await page.fill("#name", "CANARY-name");
  await page.fill("#name", "");
  for (const id of ["name", "card", "email", "search", "odd", "text"])
    await page.locator(`#${id}`).pressSequentially(`CANARY-${id}`);
  await page.locator("#card").fill("4111111111111111");
  await page.fill("#password", "CANARY-password");
  await page.evaluate(() => {
    // As a "show password" button does.
    document.querySelector<HTMLInputElement>("#password")?.setAttribute("type", "text");
    document.querySelector<HTMLInputElement>("#name")?.setAttribute("value", "CANARY-attribute");
    history.pushState(null, "", "?token=CANARY-push");
  });
  await page.locator("#password").pressSequentially("CANARY-shown");
  await page.locator("#edit").pressSequentially("CANARY-edited");
  await page.check("#check");
  await page.check("#radio");
  await page.selectOption("#select", "two");
  await page.evaluate(() => {
    const late = document.createElement("input");
    late.setAttribute("value", "CANARY-late");
    late.type = "checkbox";
    document.body.append(late);
    setTimeout(() => {
      throw new Error(`at ${location.href}`);
    });
  });
  // A checkpoint after it all reads every value once more.
  await edge.until("a second checkpoint", () => {
    void page.evaluate(() => Tapedeck.track("tick"));
    return edge.stored.filter(({ type }) => type === 2).length > 1;
  });
  await flush(page);
  const everything = edge.uploads.map(({ ndjson }) => ndjson).join("");
  for (const shown of ["VISIBLE-TEXT", "LABEL-TEXT", "*".repeat("4111111111111111".length)])
    expect(everything).toContain(shown);
  expect(everything).not.toContain("4111");
  expect(everything.match(/.{30}CANARY.{30}/g)).toBeNull();
});

const WAYS: [string, (page: Page) => Promise<unknown>][] = [
  ["a link", (page) => page.click("a")],
  ["reload", (page) => page.reload()],
  ["back", (page) => page.goBack()],
  [
    "a script",
    (page) =>
      Promise.all([page.waitForURL("**/two"), page.evaluate(() => location.assign("/two"))]),
  ],
  ["closing the tab", (page) => page.close({ runBeforeUnload: true })],
];

test.each(WAYS)("leaving by %s loses nothing", async (_name, leave) => {
  edge.config = () => projectConfig({ flushMs: 60_000 });
  site.pages.set("/one", "<a href='/two'>two</a>");
  site.pages.set("/two", "<h1>Two</h1>");
  for (let round = 0; round < 3; round++) {
    const page = await open("/");
    await page.goto(`${site.origin}/one`);
    await flush(page);
    await page.evaluate((name) => Tapedeck.track(name), `last words ${round}`);
    await leave(page);
    await edge.until("the last words", () =>
      edge.payloads("tapedeck.custom").some(({ name }) => name === `last words ${round}`),
    );
    if (!page.isClosed()) await page.close();
  }
});

test("leaving with more than one request may carry sends what the browser lets through", async () => {
  edge.config = () => projectConfig({ flushMs: 60_000 });
  const page = await open("/");
  await flush(page);
  await page.evaluate(() => {
    const noise = () => crypto.getRandomValues(new Uint8Array(500)).join("");
    for (let i = 0; i < 100; i++) Tapedeck.track(`noise ${i}`, { noise: noise() });
  });
  await page.goto("about:blank");
  await edge.until("a batch of noise", () => edge.payloads("tapedeck.custom").length > 40);
});

test("what came is sent when the page is hidden, and that it was", async () => {
  edge.config = () => projectConfig({ flushMs: 60_000 });
  const page = await open();
  await flush(page);
  await page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await edge.until(
    "the visibility event",
    () => edge.payloads("tapedeck.visibility")[0]?.state === "hidden",
  );
});

test("503 is tried again with the same bytes", async () => {
  let refusals = 2;
  edge.answer = () =>
    refusals-- > 0 ? { status: 503, body: { error: "unavailable", retry_after_s: 1 } } : STORED;
  const page = await open();
  await flush(page);
  const [one, two, three] = edge.uploads as [Upload, Upload, Upload];
  expect([one.status, two.status, three.status]).toEqual([503, 503, 200]);
  expect(two.body).toEqual(one.body);
  expect(three.body).toEqual(one.body);
  expect(two.receivedMs - one.receivedMs).toBeGreaterThanOrEqual(990);
});

test("413 splits until it fits, and every event arrives once", async () => {
  edge.config = () => projectConfig({ flushMs: 60_000 });
  edge.answer = ({ events }) =>
    events.length > 4
      ? { status: 413, body: { error: "too_large", limit: "events", max: 4 } }
      : STORED;
  const page = await open();
  await page.evaluate(() => {
    for (let i = 0; i < 20; i++) Tapedeck.track(`event ${i}`);
  });
  await flush(page);
  const names = edge.payloads("tapedeck.custom").map(({ name }) => name);
  expect(names).toEqual(Array.from({ length: 20 }, (_, i) => `event ${i}`));
  const stored = edge.uploads.filter(({ status }) => status === 200);
  expect(stored.every(({ events }) => events.length <= 4)).toBe(true);
  expect(edge.payloads("tapedeck.lost")).toEqual([]);
});

test("an event that is too large by itself is noted as lost", async () => {
  edge.answer = ({ ndjson }) =>
    ndjson.includes("enormous")
      ? { status: 413, body: { error: "too_large", limit: "inflated_bytes" } }
      : STORED;
  const page = await open();
  await page.evaluate(() => Tapedeck.track("enormous"));
  await edge.until("the note", () => edge.payloads("tapedeck.lost")[0]);
  expect(edge.payloads("tapedeck.lost")).toEqual([
    expect.objectContaining({ reason: "too_large", events: 1 }),
  ]);
});

test("errors, navigation, the visitor and the page's own events", async () => {
  const page = await open();
  await recording(page);
  await page.evaluate(() => {
    Tapedeck.identify("u-1", { plan: "pro" });
    Tapedeck.track("bought", { items: 2 });
    const caught = new RangeError("caught");
    Tapedeck.captureError(caught);
    history.pushState(null, "", "/pushed?q=abc");
    history.replaceState(null, "", "/replaced");
    location.hash = "#/route";
    setTimeout(() => {
      throw new TypeError("thrown");
    });
    setTimeout(() => {
      throw caught;
    });
    void Promise.reject(new Error("rejected"));
  });
  await edge.until("the error", () => edge.payloads("tapedeck.error").length === 3);
  await flush(page);
  expect(edge.payloads("tapedeck.identify")).toEqual([{ user: "u-1", traits: { plan: "pro" } }]);
  expect(edge.payloads("tapedeck.custom")).toEqual([{ name: "bought", properties: { items: 2 } }]);
  const errors = edge.payloads("tapedeck.error");
  expect(
    errors
      .map(({ type, message, handled, mechanism }) => [type, message, handled, mechanism])
      .sort(),
  ).toEqual([
    ["Error", "rejected", false, "unhandledrejection"],
    ["RangeError", "caught", true, "api"],
    ["TypeError", "thrown", false, "onerror"],
  ]);
  for (const { stack } of errors) expect(stack).toContain("    at ");
  const { origin } = site;
  expect(edge.payloads("tapedeck.navigation")).toEqual([
    { from: `${origin}/`, to: `${origin}/pushed?q=***`, kind: "push" },
    { from: `${origin}/pushed?q=***`, to: `${origin}/replaced`, kind: "replace" },
    { from: `${origin}/replaced`, to: `${origin}/replaced#/route`, kind: "hash" },
  ]);
});

test("every sixth upload has a checkpoint", async () => {
  edge.config = () => projectConfig({ flushMs: 60_000 });
  const page = await open();
  for (let i = 0; i < 13; i++) {
    await page.evaluate(() => document.body.append("tick "));
    await flush(page);
    // The checkpoint is taken in idle time.
    await page.evaluate(() => new Promise((resolve) => requestIdleCallback(resolve)));
  }
  const withCheckpoint = edge.uploads.filter(({ events }) => events.some(({ type }) => type === 2));
  expect(withCheckpoint.map(({ header }) => header.seq)).toEqual([0, 6, 12]);
});

test("a session that is not sampled sends nothing at all", async () => {
  edge.config = () => projectConfig({ all: 0 });
  const page = await open();
  await page.waitForFunction(() => Tapedeck.getSessionId() === undefined);
  await expect.poll(() => state(page)).toBe("not-sampled");
  await page.evaluate(() => Tapedeck.track("ignored"));
  await flush(page);
  await page.reload();
  expect(edge.uploads).toEqual([]);
});

test("what the edge does not sample is not recorded on", async () => {
  edge.answer = () => ({ status: 200, body: { outcome: "dropped", reason: "not_sampled" } });
  const page = await open();
  await flush(page);
  await page.evaluate(() => Tapedeck.track("ignored"));
  await flush(page);
  await expect.poll(() => state(page)).toBe("not-sampled");
  expect(edge.uploads).toHaveLength(1);
});

test("session_too_long begins a new session, with a checkpoint", async () => {
  const old = await (async () => {
    const page = await open();
    await flush(page);
    return page;
  })();
  const [{ session }] = edge.uploads as [Upload];
  edge.answer = (upload) =>
    upload.session === session
      ? { status: 200, body: { outcome: "dropped", reason: "session_too_long" } }
      : STORED;
  await old.evaluate(() => Tapedeck.track("too late"));
  const next = await edge.until("a new session", () =>
    edge.uploads.find((upload) => upload.session !== session),
  );
  expect(next.events.slice(0, 3).map(({ type }) => type)).toEqual([5, 4, 2]);
  expect(next.header.seq).toBe(0);
  expect(next.header.page).not.toBe(edge.uploads[0]?.header.page);
});

test("an unknown key stops the recorder", async () => {
  edge.config = () => ({ status: 401, body: { error: "unknown_key" } });
  const page = await open();
  await flush(page);
  await expect.poll(() => state(page)).toBe("stopped");
  expect(edge.uploads).toEqual([]);
});

test("without a configuration it records, and lets the edge decide", async () => {
  edge.config = () => ({ status: 503, body: { error: "unavailable" } });
  const page = await open();
  await flush(page);
  expect(tags().slice(0, 3)).toEqual(["tapedeck.session", 4, 2]);
});

test("storage that is blocked or full is no obstacle", async () => {
  await context.addInitScript(() => {
    Object.defineProperty(window, "localStorage", {
      get() {
        throw new DOMException("blocked", "SecurityError");
      },
    });
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  const page = await open();
  await flush(page);
  await expect.poll(() => state(page)).toBe("recording");
  expect(edge.uploads).toHaveLength(1);
});

test("nothing is thrown into the page, and what it does itself stays as it was", async () => {
  const page = await open();
  await recording(page);
  const errors: unknown[] = [];
  page.on("pageerror", (error) => errors.push(error));
  const seen = await page.evaluate(() => {
    const failures: string[] = [];
    const off = Tapedeck.on("state", ({ state, reason, error }) => {
      if (error !== undefined) failures.push(`${state} ${reason} ${(error as Error).name}`);
    });
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    Tapedeck.track("circular", circular);
    Tapedeck.identify("u", { big: 1n });
    Tapedeck.captureError(
      new Proxy(
        {},
        {
          get() {
            throw new Error("no");
          },
        },
      ),
    );
    Tapedeck.init({ edge: "nowhere", key: "none" });
    off();
    let rule = "";
    try {
      new CSSStyleSheet().insertRule("{{{");
    } catch (error) {
      rule = (error as Error).name;
    }
    return { failures, rule, push: history.pushState(null, "", "/x") };
  });
  expect(seen).toEqual({
    failures: [
      "recording failure TypeError",
      "recording failure TypeError",
      "recording failure TypeError",
    ],
    rule: "SyntaxError",
    push: undefined,
  });
  await page.evaluate(() => Tapedeck.track("still there"));
  await flush(page);
  expect(edge.payloads("tapedeck.custom").map(({ name }) => name)).toEqual(["still there"]);
  expect(errors).toEqual([]);
});

test("stop ends it, and what was recorded is sent; start begins a page anew", async () => {
  edge.config = () => projectConfig({ flushMs: 60_000 });
  const page = await open();
  await recording(page);
  await page.evaluate(() => {
    Tapedeck.track("before");
    Tapedeck.stop();
    Tapedeck.track("between");
  });
  await edge.until("what was before", () => edge.payloads("tapedeck.custom").length === 1);
  await expect.poll(() => state(page)).toBe("stopped");
  await page.evaluate(() => Tapedeck.start());
  await recording(page);
  await page.evaluate(() => {
    history.pushState(null, "", "/once");
    Tapedeck.track("after");
  });
  await flush(page);
  expect(edge.payloads("tapedeck.custom").map(({ name }) => name)).toEqual(["before", "after"]);
  expect(edge.payloads("tapedeck.session")).toHaveLength(2);
  expect(edge.payloads("tapedeck.navigation")).toHaveLength(1);
  expect(new Set(edge.uploads.map(({ session }) => session)).size).toBe(1);
});

test("a visitor who was away for 15 minutes comes back to a new session", async () => {
  edge.config = () => projectConfig({ flushMs: 60_000 });
  await context.clock.install();
  const page = await open();
  await flush(page);
  await page.evaluate(() => {
    setInterval(() => document.body.append("tick "), 1_000);
  });
  await page.clock.fastForward(15 * 60_000);
  await expect.poll(() => state(page)).toBe("paused");
  await flush(page);
  const before = edge.uploads.length;
  await page.clock.runFor(60_000);
  await page.clock.fastForward(30 * 60_000);
  await flush(page);
  expect(edge.uploads).toHaveLength(before);
  await page.mouse.move(10, 10);
  await page.clock.runFor(100);
  await expect.poll(() => state(page)).toBe("recording");
  await flush(page);
  const [old, fresh] = [edge.uploads[0], edge.uploads.at(-1)];
  expect(fresh?.session).not.toBe(old?.session);
  expect(fresh?.events.slice(0, 3).map(({ type }) => type)).toEqual([5, 4, 2]);
});

test("what the edge would not take is tried again by the next page, with the same bytes", async () => {
  edge.config = () => projectConfig({ flushMs: 60_000 });
  let isUp = false;
  edge.answer = () => (isUp ? STORED : { status: 503, body: { retry_after_s: 60 } });
  site.pages.set("/two", "<h1>Two</h1>");
  const page = await open();
  await recording(page);
  await page.evaluate(() => {
    Tapedeck.track("kept");
    void Tapedeck.flush();
  });
  const refused = await edge.until("a refusal", () => edge.uploads[0]);
  // The browser may hold the answer back from the page for a moment.
  await page.waitForTimeout(200);
  isUp = true;
  edge.answer = ({ header }) =>
    header.page === refused.header.page && edge.uploads.length < 2
      ? { status: 503, body: {} }
      : STORED;
  await page.goto(`${site.origin}/two`);
  await edge.until("the batch of the first page", () =>
    edge.uploads.find(({ status, body }) => status === 200 && body.equals(refused.body)),
  );
  expect(edge.payloads("tapedeck.custom").some(({ name }) => name === "kept")).toBe(true);
});

test("ten minutes of a visitor take at most 13 uploads, ten of nobody one", async () => {
  edge.config = () => projectConfig({ flushMs: 5_000, flushMaxMs: 60_000 });
  await context.clock.install();
  const page = await open();
  await recording(page);
  const tenMinutes = async (look: (i: number) => Promise<void>) => {
    const before = edge.uploads.length;
    for (let i = 0; i < 120; i++) {
      await look(i);
      await page.evaluate(() => document.body.append("tick "));
      await page.clock.runFor(5_000);
    }
    return edge.uploads.length - before;
  };
  expect(await tenMinutes((i) => page.mouse.move(i, i))).toBeLessThanOrEqual(12);
  expect(await tenMinutes(async () => {})).toBeLessThanOrEqual(1);
});
