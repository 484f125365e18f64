/** Pages that change what the recorder stands on. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { KEY, projectConfig } from "./edge.js";
import { context, edge, flush, open, recording, site, uploaded } from "./setup.js";

test("a library that puts its own into arrays, functions and elements finds and leaves them as it made them", async () => {
  await context.addInitScript(() => {
    // As MooTools 1.x and Prototype.js do.
    const own = (item: unknown) => (item == null ? [] : [item]);
    Object.assign(Array, { from: own });
    Object.assign(Element.prototype, {
      remove: function (this: Element) {
        this.parentNode?.removeChild(this);
      },
    });
    Object.assign(Array.prototype, { each: () => {}, contains: () => true });
    Object.assign(Function.prototype, { bind: Function.prototype.bind });
    Object.assign(window, { own });
  });
  const page = await open();
  await recording(page);
  await page.evaluate(() => document.body.append("CHANGED"));
  await flush(page);
  expect(await page.evaluate("Array.from === own")).toBe(true);
  expect(edge.uploads.map(({ ndjson }) => ndjson).join()).toContain("CHANGED");
});

test("a form whose fields stand for its own members is recorded as it is", async () => {
  site.pages.set(
    "/form",
    `<form id="form" title="words"><p>SHOWN</p>${[
      "parentElement",
      "parentNode",
      "matches",
      "firstChild",
      "nextSibling",
      "closest",
      "getRootNode",
    ]
      .map((name) => `<input name="${name}">`)
      .join("")}</form>`,
  );
  const page = await open("/form");
  await recording(page);
  await page.evaluate(() => {
    const form = document.querySelector("form");
    form?.setAttribute("aria-label", "CHANGED");
    const more = document.createElement("p");
    more.textContent = "LATER";
    form?.querySelector("p")?.append(more);
  });
  await flush(page);
  const text = edge.uploads.map(({ ndjson }) => ndjson).join();
  for (const seen of ["SHOWN", "CHANGED", "LATER"]) expect(text).toContain(seen);
});

test("a page with zone.js: each callback runs in its zone, and nothing of ours does", async () => {
  site.documents.set(
    "/zone.js",
    readFileSync(new URL("../bundles/zone.umd.js", import.meta.resolve("zone.js")), "utf8"),
  );
  site.documents.set(
    "/zoned",
    `<!doctype html><html><head><script src="/zone.js"></script>
     <script src="/tapedeck.js" data-key="${KEY}" data-edge="${edge.origin}" data-mask-text="false"></script></head><body></body></html>`,
  );
  const page = await open("/zoned");
  await recording(page);
  const seen = await page.evaluate(`new Promise((resolve) => {
    const tasks = [];
    const zone = Zone.current.fork({
      name: "page",
      onScheduleTask: (parent, current, target, task) => { tasks.push(task.source); return parent.scheduleTask(target, task); },
    });
    const where = [];
    const here = () => where.push(Zone.current.name);
    zone.run(() => fetch("/x").then(() => {
      here();
      const xhr = new XMLHttpRequest();
      xhr.open("GET", "/y");
      xhr.onloadend = () => {
        here();
        setTimeout(() => {
          here();
          // What the recorder makes of a change is none of the page's tasks.
          tasks.length = 0;
          document.body.append("CHANGED");
          Zone.root.run(() => setTimeout(() => resolve({ where, tasks }), 200));
        });
      };
      xhr.send();
    }));
  })`);
  expect(seen).toEqual({ where: ["page", "page", "page"], tasks: [] });
  await flush(page);
  expect(edge.uploads.map(({ ndjson }) => ndjson).join()).toContain("CHANGED");
  await uploaded(page, "both requests", () => edge.payloads("tapedeck.request").length === 2);
});

test("wrappers of fetch, XHR, history and console, before and after ours, all see every call once", async () => {
  const wrapAll = `
    window.calls ??= {};
    for (const [owner, name] of [[window, "fetch"], [XMLHttpRequest.prototype, "send"], [history, "pushState"], [console, "log"]]) {
      const original = owner[name];
      owner[name] = function (...args) { calls[name] = (calls[name] ?? 0) + 1; return original.apply(this, args) };
    }`;
  await context.addInitScript({ content: wrapAll });
  const page = await open();
  await recording(page);
  await page.evaluate(wrapAll);
  const calls = await page.evaluate(async () => {
    await fetch("/a");
    await new Promise((resolve) => {
      const xhr = new XMLHttpRequest();
      xhr.open("GET", "/b");
      xhr.onloadend = resolve;
      xhr.send();
    });
    history.pushState(null, "", "/c");
    console.log("d");
    return (window as unknown as { calls: object }).calls;
  });
  // Twice each, by the wrapper before and the one after; of fetch before ours, the recorder's own requests are none.
  expect(calls).toMatchObject({ send: 2, pushState: 2, log: 2 });
  await uploaded(page, "two requests", () => edge.payloads("tapedeck.request").length === 2);
  expect(edge.payloads("tapedeck.navigation")).toHaveLength(1);
  expect(edge.payloads("tapedeck.console")).toHaveLength(1);
});

test("a document that is written anew is recorded on", async () => {
  const page = await open();
  await recording(page);
  await page.evaluate(() => {
    document.open();
    document.write("<!doctype html><html><body><p>WRITTEN</p></body></html>");
    document.close();
  });
  await page.evaluate(() => document.body.append("AND MORE"));
  await page.evaluate(() => Tapedeck.track("after"));
  await uploaded(page, "what came after", () => edge.payloads("tapedeck.custom")[0]);
  expect(edge.uploads.map(({ ndjson }) => ndjson).join()).toContain("WRITTEN");
});

test("where no worker may start, one violation is reported a tab, and the browser compresses", async () => {
  site.headers = {
    "Content-Security-Policy": `default-src 'self' 'unsafe-inline'; connect-src *; worker-src 'none'`,
  };
  await context.addInitScript(() => {
    Object.assign(window, { violations: 0 });
    document.addEventListener("securitypolicyviolation", () => {
      (window as unknown as { violations: number }).violations++;
    });
  });
  const page = await open();
  await recording(page);
  await flush(page);
  expect(edge.uploads).toHaveLength(1);
  expect(await page.evaluate("violations")).toBeLessThanOrEqual(1);
  await page.reload();
  await recording(page);
  await flush(page);
  expect(edge.uploads.length).toBeGreaterThanOrEqual(2);
  expect(await page.evaluate("violations")).toBe(0);
});

test("a page over slow 3G is recorded from its beginning", async () => {
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable");
  await cdp.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 400,
    downloadThroughput: 50_000,
    uploadThroughput: 50_000,
  });
  await page.goto(site.origin);
  await page.evaluate(() => document.body.append("EARLY"));
  await recording(page);
  await flush(page);
  expect(edge.uploads[0]?.events.slice(0, 3).map(({ type }) => type)).toEqual([5, 4, 2]);
  expect(edge.uploads[0]?.ndjson).toContain("EARLY");
});

test("the fourth storm of mutations ends all but errors", async () => {
  edge.config = () => projectConfig({ flushMs: 1_000 });
  await context.clock.install();
  const page = await open();
  await recording(page);
  // However long the page takes for it, it is in a moment.
  await page.clock.pauseAt(Date.now() + 60_000);
  const storms = () =>
    edge.payloads("tapedeck.lost").filter(({ reason }) => reason === "mutation_storm").length;
  const snapshots = () => edge.stored.filter(({ type }) => type === 2).length;
  /** Lets the page's time go on, with somebody there, until that many have arrived. */
  const until = (count: () => number, expected: number) =>
    expect
      .poll(
        async () => {
          await page.mouse.move(10 + (Date.now() % 100), 10);
          await page.clock.runFor(5_000);
          await flush(page);
          return count();
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThanOrEqual(expected);
  for (let storm = 1; storm <= 4; storm++) {
    // Somebody is there: otherwise the page is not observed after so long a pause.
    await page.mouse.move(10 + storm, 10);
    await page.clock.runFor(1_000);
    const seen = snapshots();
    await page.evaluate(async () => {
      const rows = document.createElement("div");
      document.body.append(rows);
      for (let i = 0; i < 20; i++) {
        rows.innerHTML = `<p title="x">${"row ".repeat(20)}</p>`.repeat(4_000);
        await Promise.resolve();
      }
      rows.remove();
    });
    await until(storms, storm);
    // The next one is seen once the DOM is observed again, which begins with a snapshot.
    if (storm < 4) await until(snapshots, seen + 1);
  }
  expect(storms()).toBe(4);
  const before = edge.stored.length;
  await page.evaluate(() => {
    document.body.append("IN VAIN");
    Tapedeck.track("in vain");
    Tapedeck.captureError(new Error("still told"));
  });
  await flush(page);
  const after = edge.stored.slice(before).map(({ type, data }) => (type === 5 ? data.tag : type));
  expect(after).toEqual(["tapedeck.error"]);
});

test("canvases and frames of other origins are recorded, masked, where both pages ask for it", async () => {
  const other = createServer((_, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end(`<!doctype html><script src="${site.origin}/tapedeck.js" data-key="pk_0123456789ABCDEFGHIJKL" data-edge="${edge.origin}" data-cross-origin-frames></script>
      <p class="kept" title="CANARY">CANARY</p><input value="CANARY">`);
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  try {
    site.options = 'data-mask-text="false" data-canvas data-cross-origin-frames';
    site.headers = {};
    const { port } = other.address() as AddressInfo;
    site.pages.set(
      "/beyond",
      `<canvas id="c" width="80" height="40"></canvas><iframe src="http://localhost:${port}/"></iframe><script>
        const ink = c.getContext("2d"); let x = 0;
        setInterval(() => { ink.fillStyle = "#" + (0x100000 + (x += 99991) % 0xeFFFFF).toString(16); ink.fillRect(0, 0, 80, 40); }, 100);
      </script>`,
    );
    const page = await open("/beyond");
    await recording(page);
    await uploaded(page, "pictures and a frame", () => {
      const text = edge.uploads.map(({ ndjson }) => ndjson).join();
      return /"source":9\b/.test(text) && text.includes('"class":"kept"');
    });
    const text = edge.uploads.map(({ ndjson }) => ndjson).join();
    expect(text).not.toContain("CANARY");
    expect(new Set(edge.uploads.map(({ session }) => session)).size).toBe(1);
    expect(edge.payloads("tapedeck.session")).toHaveLength(1);
  } finally {
    other.close();
    other.closeAllConnections();
  }
});
