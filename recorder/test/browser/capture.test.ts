import { expect, test } from "vitest";
import { type Event, projectConfig } from "./edge.js";
import { context, edge, flush, open, recording, site, uploaded } from "./setup.js";

test("a click tells what it hit and what it caused; a dead one that it caused nothing", async () => {
  site.pages.set(
    "/clicks",
    `<main><button id="dead"><b>Dead</b></button><a role="button" data-testid="alive">Alive</a>
     <button id="asks">Asks</button><script>
       document.querySelector("[data-testid]").onclick = () => document.body.append("changed");
       asks.onclick = () => fetch("/nothing");
     </script></main>`,
  );
  const page = await open("/clicks");
  await recording(page);
  await page.click("#dead b");
  await page.waitForTimeout(1_600);
  await page.click("[data-testid=alive]");
  await page.click("#asks");
  await page.evaluate(() => document.getElementById("dead")?.click());
  await edge.until("three clicks", () => edge.payloads("tapedeck.click").length === 3);
  const [dead, alive, asks] = edge.payloads("tapedeck.click");
  expect(dead).toMatchObject({
    selector: "button#dead",
    role: "button",
    text: "Dead",
    effects: [],
  });
  expect(alive).toMatchObject({
    selector: "html > body > main > a[data-testid=alive]",
    role: "button",
    text: "Alive",
    effects: expect.arrayContaining(["mutation"]),
    effect_ms: expect.any(Number),
  });
  expect(asks.effects).toContain("request");
});

test("keys are counted and never told, console and errors come with causes", async () => {
  site.pages.set("/keys", `<input id="name"><p>text</p>`);
  const page = await open("/keys");
  await recording(page);
  await page.locator("#name").pressSequentially("Jane");
  await page.click("p");
  await page.evaluate(() => {
    console.warn("cart %s for jo@shop.example at https://shop.example/?q=1", "12", { price: 1 });
    setTimeout(() => {
      throw new Error("outer", { cause: new TypeError("inner", { cause: "innermost" }) });
    });
  });
  await edge.until("the error", () => edge.payloads("tapedeck.error")[0]);
  await flush(page);
  expect(edge.payloads("tapedeck.input")).toEqual([
    { selector: "input#name", role: "textbox", keys: 4 },
  ]);
  expect(edge.payloads("tapedeck.console")).toEqual([
    {
      level: "warn",
      args: [
        "cart %s for *************** at https://shop.example/?q=*",
        "12",
        "object with keys price",
      ],
    },
  ]);
  expect(edge.payloads("tapedeck.error")[0]).toMatchObject({
    message: "outer",
    causes: [
      { type: "TypeError", message: "inner" },
      { type: "Error", message: "innermost" },
    ],
  });
});

test("requests: what came of them, with a trace, and nothing changed for who made them", async () => {
  const page = await open();
  await recording(page);
  const seen = await page.evaluate(async (edge) => {
    const given = new Request("/given?q=secret", {
      method: "POST",
      body: "body",
      headers: { a: "b" },
    });
    const answer = await fetch(given);
    const kept = await fetch("/kept", {
      headers: { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` },
    });
    const abort = new AbortController();
    abort.abort(new TypeError("mine"));
    const aborted = await fetch("/aborted", { signal: abort.signal }).catch(
      (error) => error.message,
    );
    const failed = await fetch("http://127.0.0.1:1/").catch(
      (error) => `${error.name} ${error.message}`,
    );
    const wrong = await fetch("http://[").catch((error) => error.name);
    const status = await new Promise((resolve) => {
      const xhr = new XMLHttpRequest();
      xhr.open("PUT", "/xhr");
      xhr.setRequestHeader("X-Mine", "1");
      xhr.onload = () => resolve(xhr.status);
      xhr.send("body");
    });
    const beacon = navigator.sendBeacon("/beacon", "body");
    await fetch(`${edge}/v1/config?key=pk_0123456789ABCDEFGHIJKL`, {
      credentials: "omit",
      referrerPolicy: "no-referrer",
    });
    return [
      answer.status,
      given.bodyUsed,
      given.headers.has("traceparent"),
      kept.status,
      aborted,
      failed,
      wrong,
      status,
      beacon,
    ];
  }, edge.origin);
  expect(seen).toEqual([
    404,
    true,
    false,
    404,
    "mine",
    "TypeError Failed to fetch",
    "TypeError",
    404,
    true,
  ]);
  await uploaded(page, "six requests", () => edge.payloads("tapedeck.request").length >= 6);
  const requests = edge.payloads("tapedeck.request");
  const told = (path: string) => requests.find(({ url }) => url.includes(path));
  expect(requests).toHaveLength(6);
  expect(told("/given")).toMatchObject({
    method: "POST",
    url: `${site.origin}/given?q=******`,
    initiator: "fetch",
    status: 404,
    started_ms: expect.any(Number),
    duration_ms: expect.any(Number),
    first_byte_ms: expect.any(Number),
    bytes: expect.any(Number),
    trace: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  expect(told("/kept").trace).toBe("a".repeat(32));
  expect(told("/aborted")).toMatchObject({ failure: "network" });
  expect(told("127.0.0.1:1/")).toMatchObject({ failure: "network" });
  expect(told("127.0.0.1:1/").trace).toBeUndefined();
  expect(told("/xhr")).toMatchObject({ method: "PUT", initiator: "xhr", status: 404 });
  expect(told("/beacon")).toMatchObject({ method: "POST", initiator: "beacon" });
  const asked = (path: string) => site.requests.find(({ url }) => url?.startsWith(path))?.headers;
  const session = await page.evaluate(() => Tapedeck.getSessionId());
  for (const path of ["/given", "/xhr", "/kept"])
    expect(asked(path)?.["x-session-id"]).toBe(session);
  expect(asked("/given")).toMatchObject({
    a: "b",
    traceparent: expect.stringContaining(told("/given").trace),
  });
  expect(asked("/xhr")?.traceparent).toContain(told("/xhr").trace);
});

test("other wrappers, before and after ours, and frozen prototypes, are not in each other's way", async () => {
  await context.addInitScript(() => {
    const before = window.fetch;
    window.fetch = (...args) => before(...args);
    Object.freeze(History.prototype);
    Object.freeze(XMLHttpRequest.prototype);
  });
  const page = await open();
  await recording(page);
  const result = await page.evaluate(async () => {
    const ours = window.fetch;
    let calls = 0;
    window.fetch = (...args) => {
      calls++;
      return ours(...args);
    };
    const first = (await fetch("/a")).status;
    Tapedeck.stop();
    const second = (await fetch("/b")).status;
    history.pushState(null, "", "/pushed");
    const xhr = new XMLHttpRequest();
    xhr.open("GET", "/c", false);
    xhr.send();
    return [first, second, calls, xhr.status, location.pathname];
  });
  expect(result).toEqual([404, 404, 2, 404, "/pushed"]);
});

test("vitals with what they are owed to, and long tasks", async () => {
  site.pages.set(
    "/vitals",
    `<h1 id="big" style="font-size:80px">Largest</h1><button id="slow">Slow</button><script>
    slow.onclick = () => { const until = performance.now() + 120; while (performance.now() < until); slow.append("!"); };
  </script>`,
  );
  const page = await open("/vitals");
  await recording(page);
  await page.click("#slow");
  await uploaded(page, "the long task", () =>
    edge.payloads("tapedeck.longtask").some(({ duration_ms }) => duration_ms >= 100),
  );
  // The browser tells of an interaction after the paint that answered it, the library in idle time or when the page is hidden.
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const seen = new PerformanceObserver(() => resolve());
        seen.observe({ type: "first-input", buffered: true });
      }),
  );
  await page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await edge.until("the vitals", () => edge.payloads("tapedeck.vital").length >= 5);
  const vitals = new Map(edge.payloads("tapedeck.vital").map((vital) => [vital.name, vital]));
  expect([...vitals.keys()].sort()).toEqual(["CLS", "FCP", "INP", "LCP", "TTFB"]);
  expect(vitals.get("LCP").attribution.element).toBe("h1#big");
  expect(vitals.get("INP")).toMatchObject({
    attribution: { element: "button#slow", processing_ms: expect.any(Number) },
  });
  expect(vitals.get("INP").value).toBeGreaterThanOrEqual(100);
});

test("a page that throws and logs in a loop is recorded in bounds, and what was left out is counted", async () => {
  const page = await open();
  await recording(page);
  await page.evaluate(async () => {
    for (let i = 0; i < 500; i++) {
      Tapedeck.captureError(new Error("the same"));
      Tapedeck.captureError(new Error(`another ${i}`));
      console.error("again");
      if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
  });
  await flush(page);
  expect(edge.payloads("tapedeck.error")).toHaveLength(60);
  expect(edge.payloads("tapedeck.console")).toHaveLength(10);
  const left = new Map<string, number>();
  for (const { tag, events } of edge.payloads("tapedeck.lost"))
    left.set(tag, (left.get(tag) ?? 0) + events);
  expect(Object.fromEntries(left)).toEqual({ "tapedeck.error": 940, "tapedeck.console": 490 });
});

test("a storm of mutations lets the DOM go, says so, and comes back with a checkpoint", async () => {
  edge.config = () => projectConfig({ flushMs: 1_000 });
  await context.clock.install();
  const page = await open();
  await recording(page);
  await page.evaluate(async () => {
    const rows = document.createElement("div");
    document.body.append(rows);
    for (let i = 0; i < 12; i++) {
      rows.innerHTML = `<p title="x">${"row ".repeat(20)}</p>`.repeat(4_000);
      await Promise.resolve();
    }
    rows.remove();
  });
  await page.clock.runFor(6_000);
  await flush(page);
  const storm = edge.payloads("tapedeck.lost").find(({ reason }) => reason === "mutation_storm");
  expect(storm.to_ms - storm.from_ms).toBeGreaterThanOrEqual(5_000);
  const after = edge.stored.slice(edge.stored.findIndex(({ data }) => data.payload === storm));
  expect(after.map(({ type }) => type)).toContain(2);
  const bytes = edge.uploads.reduce((sum, { ndjson }) => sum + ndjson.length, 0);
  expect(bytes).toBeLessThan(8_000_000);
});

test("changes that outweigh what a snapshot would be are followed by one, what a page grows by is not", async () => {
  const page = await open();
  await recording(page);
  const snapshots = () => edge.stored.filter(({ type }) => type === 2).length;
  /** Draws so many rows anew, one after the other so that none is left out, and sends what came of it. */
  const draw = async (times: number) => {
    await page.evaluate(async (times) => {
      for (let i = 0; i < times; i++) {
        document.body.innerHTML = `<p class="row">${"row ".repeat(20)}</p>`.repeat(1_000);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
    }, times);
    await flush(page);
  };
  await draw(1);
  expect(edge.uploads.map(({ ndjson }) => ndjson.length).reduce((a, b) => a + b)).toBeGreaterThan(
    200_000,
  );
  expect(snapshots()).toBe(1);
  await draw(3);
  await uploaded(page, "a second snapshot", () => snapshots() === 2);
});

const loaded = () => site.requests.map(({ url }) => url);
const shows = (events: Event[], text: string) => JSON.stringify(events).includes(text);

test("who is not sampled loads the small part only", async () => {
  edge.config = () => projectConfig({ all: 0 });
  const page = await open();
  await page.waitForFunction(() => Tapedeck.getSessionId() === undefined);
  await page.waitForLoadState("networkidle");
  expect(loaded()).toContain("/tapedeck.js");
  expect(loaded()).not.toContain("/tapedeck-recorder.js");
});

test("an error sends the last minute of who is not sampled, from a checkpoint, and what follows on other pages", async () => {
  edge.config = () => projectConfig({ all: 0 });
  edge.reasons = new Set(["error"]);
  site.options = 'data-mask-text="false" data-error-buffer';
  await context.clock.install();
  const page = await open();
  await recording(page);
  for (let minute = 0; minute < 3; minute++) {
    await page.evaluate((text) => document.body.append(text), `MINUTE-${minute} `);
    await page.clock.runFor(40_000);
    await page.evaluate(() => document.body.append("tick "));
    await page.clock.runFor(3_000);
  }
  expect(edge.uploads).toEqual([]);
  await page.evaluate(() => {
    document.body.append("LATEST");
    reportError(new Error("worth keeping"));
  });
  await page.clock.runFor(1_000);
  await flush(page);
  const { events } = edge.uploads[0] ?? { events: [] };
  expect(events.slice(0, 3).map(({ type }) => type)).toEqual([5, 4, 2]);
  expect(shows(events, "LATEST")).toBe(true);
  const times = events.map(({ timestamp }) => timestamp);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThan(100_000);
  await page.reload();
  await recording(page);
  await flush(page);
  expect(edge.uploads.at(-1)?.header.reason).toBe("error");
  expect(new Set(edge.uploads.map(({ session }) => session)).size).toBe(1);
});

test("support gets the session of who is not sampled, by a ticket or by a link", async () => {
  edge.config = () => projectConfig({ all: 0 });
  edge.reasons = new Set(["support"]);
  const page = await open();
  await page.waitForFunction(() => Tapedeck.getSessionId() === undefined);
  await page.evaluate(() => {
    Tapedeck.setAttributes({ plan: "pro" });
    Tapedeck.markSupport("T-1");
    Tapedeck.setAttributes({ seats: 3 });
  });
  await recording(page);
  await flush(page);
  expect(edge.uploads[0]?.header).toMatchObject({ reason: "support", support: "T-1" });
  expect(edge.payloads("tapedeck.identify").at(-1)).toEqual({
    attributes: { plan: "pro", seats: 3 },
  });
  await context.clearCookies();
  await page.evaluate(() => localStorage.clear());
  await page.goto(`${site.origin}/?tapedeck=T-2`);
  await recording(page);
  await flush(page);
  expect(edge.uploads.at(-1)?.header).toMatchObject({ reason: "support", support: "T-2" });
});

test("a named segment has a rate of its own", async () => {
  edge.config = () => projectConfig({ all: 0, segments: { beta: 1 } });
  edge.reasons = new Set(["segment"]);
  site.options = 'data-mask-text="false" data-segments="beta"';
  await flush(await open());
  expect(edge.uploads[0]?.header).toMatchObject({ reason: "segment", segments: ["beta"] });
});

test("calls from before the script was there are made, and errors from before the recorder was", async () => {
  site.options = 'data-mask-text="false" data-player="https://player.example/"';
  await context.addInitScript(() => {
    const queue = {
      q: [
        ["identify", "u-1"],
        ["track", "early"],
      ],
    };
    Object.assign(window, { Tapedeck: queue });
  });
  site.pages.set("/early", "<script>throw new Error('early')</script>");
  const page = await open("/early");
  await recording(page);
  await flush(page);
  const events = edge.stored.filter(({ type }) => type === 5).map(({ data }) => data);
  expect(events[0].tag).toBe("tapedeck.session");
  expect(edge.payloads("tapedeck.custom")).toEqual([{ name: "early", properties: {} }]);
  expect(edge.payloads("tapedeck.error")).toMatchObject([{ message: "early", handled: false }]);
  const times = edge.stored.map(({ timestamp }) => timestamp);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  const [link, session] = await page.evaluate(() => [
    Tapedeck.getReplayUrl({ at: "now" }),
    Tapedeck.getSessionId(),
  ]);
  expect(link).toMatch(
    new RegExp(`^https://player.example/#/sessions/demo/${session}\\?at=\\d{13}$`),
  );
});

test("a strict policy with a nonce and Trusted Types lets it work", async () => {
  site.headers = {
    "Content-Security-Policy": `default-src 'none'; script-src 'nonce-n'; connect-src ${edge.origin}; require-trusted-types-for 'script'; trusted-types 'none'`,
  };
  site.options = 'data-mask-text="false" nonce="n"';
  const page = await open();
  await recording(page);
  await flush(page);
  expect(edge.uploads[0]?.events.slice(0, 3).map(({ type }) => type)).toEqual([5, 4, 2]);
});
