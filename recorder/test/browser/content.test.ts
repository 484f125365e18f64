/** What the project's configuration says of privacy, requests and clicks, in a page. */
import { expect, test } from "vitest";
import { projectConfig } from "./edge.js";
import { context, edge, flush, open, recording, site, state, uploaded } from "./setup.js";

const configured = (more: object) => () => {
  const { status, body } = projectConfig();
  return { status, body: { ...(body as object), ...more } };
};

test("of requests that are allowed, named headers and bodies of text; of others nothing", async () => {
  edge.config = configured({
    privacy: {
      network: {
        urls: ["/api/*"],
        headers: ["X-Kind", "Content-Type", "Authorization"],
        bodies: true,
      },
    },
  });
  site.pages.set("/api/answer", "said jo@shop.example");
  const page = await open();
  await recording(page);
  site.headers = { "X-Kind": "answer", "Content-Type": "text/plain" };
  const read = await page.evaluate(async () => {
    const headers = { "X-Kind": "question", Authorization: "CANARY" };
    const answer = await fetch("/api/answer", { method: "POST", headers, body: "asked" });
    await fetch("/other", { method: "POST", headers, body: "CANARY" });
    const xhr = new XMLHttpRequest();
    xhr.open("POST", "/api/answer?x=1");
    xhr.setRequestHeader("X-Kind", "old");
    await new Promise((resolve) => {
      xhr.onload = resolve;
      xhr.send(new URLSearchParams({ field: "value" }));
    });
    // The page's own answer is whole.
    return (await answer.text()).length > 100 && answer.bodyUsed;
  });
  expect(read).toBe(true);
  await uploaded(page, "three requests", () => edge.payloads("tapedeck.request").length === 3);
  const told = (initiator: string, path: string) =>
    edge
      .payloads("tapedeck.request")
      .find((one) => one.initiator === initiator && one.url.startsWith(site.origin + path));
  const byFetch = told("fetch", "/api/answer");
  const byXhr = told("xhr", "/api/answer");
  const other = told("fetch", "/other");
  expect(byFetch).toMatchObject({
    request_headers: { "x-kind": "question" },
    response_headers: { "x-kind": "answer", "content-type": "text/plain" },
    request_body: "asked",
    response_body: expect.stringContaining("said ***************"),
  });
  expect(byXhr).toMatchObject({
    request_headers: { "x-kind": "old" },
    request_body: "field=value",
    response_body: expect.stringContaining("said"),
  });
  expect(Object.keys(other).filter((name) => /headers|body/.test(name))).toEqual([]);
  expect(edge.uploads.map(({ ndjson }) => ndjson).join()).not.toContain("CANARY");
});

test("the project unmasks, blocks, excludes pages and says how long a click waits", async () => {
  edge.config = configured({
    excluded_pages: ["/*/secret"],
    clicks: { dead_ms: 200 },
    privacy: { unmask: [".price", "[["], block: ["#ad"], query_allow: ["page"] },
  });
  site.options = "";
  site.pages.set(
    "/shown",
    `<p class="price">SHOWN</p><p>CANARY</p><p id="ad">CANARY</p><button>x</button>`,
  );
  const page = await open("/shown?page=7&q=CANARY");
  await recording(page);
  const clicked = Date.now();
  await page.click("button");
  await uploaded(page, "the click", () => edge.payloads("tapedeck.click")[0]);
  expect(Date.now() - clicked).toBeLessThan(1_500);
  await page.evaluate(() => {
    history.pushState(null, "", "/shop/secret");
    document.body.append("CANARY");
  });
  await expect.poll(() => state(page)).toBe("paused");
  const everything = edge.uploads.map(({ ndjson }) => ndjson).join();
  expect(everything).toContain("SHOWN");
  expect(everything).toContain("?page=7&q=******");
  expect(everything).not.toContain("CANARY");
});

test("the project asks for consent, and nothing is stored before it", async () => {
  edge.config = configured({ privacy: { require_consent: true } });
  const page = await open();
  await page.waitForFunction(() => {
    let now = "";
    Tapedeck.on("state", ({ reason }) => {
      now = reason;
    })();
    return now === "consent";
  });
  expect(await page.evaluate(() => localStorage.length + sessionStorage.length)).toBe(0);
  await page.evaluate(() => Tapedeck.setConsent(true));
  await recording(page);
  await flush(page);
  expect(edge.uploads[0]?.header).toMatchObject({ consent: true });
});

test("a project may leave Global Privacy Control to its page", async () => {
  await context.addInitScript(() => {
    Object.defineProperty(navigator, "globalPrivacyControl", { value: true });
  });
  edge.config = configured({ privacy: { honour_gpc: false } });
  await recording(await open());
});

test("errors have frames, debug ids, and the trace of the request before", async () => {
  const page = await open();
  await recording(page);
  await page.evaluate(async () => {
    await fetch("/x");
    const error = new Error("broken");
    const [, file] = /(https?:.*?):\d+:\d+/.exec(error.stack ?? "") ?? [];
    Object.assign(globalThis, {
      _sentryDebugIds: { [`Error\n at ${file ?? "none"}:1:1`]: "id-1" },
    });
    Tapedeck.captureError(error);
  });
  await uploaded(page, "the request", () => edge.payloads("tapedeck.request")[0]);
  const [error] = edge.payloads("tapedeck.error");
  expect(error.trace).toBe(edge.payloads("tapedeck.request")[0].trace);
  expect(error.frames.length).toBeGreaterThan(0);
  expect(error.frames[0]).toMatchObject({ line: expect.any(Number), column: expect.any(Number) });
});

test("what the visitor prefers, light or dark, and when that changes", async () => {
  const page = await context.newPage();
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(site.origin);
  await recording(page);
  await page.emulateMedia({ colorScheme: "light" });
  await uploaded(page, "the change", () => edge.payloads("tapedeck.browser")[0]);
  expect(edge.payloads("tapedeck.session")[0].browser.color_scheme).toBe("dark");
  expect(edge.payloads("tapedeck.browser")).toEqual([{ color_scheme: "light" }]);
});

test("a request that fails and that nobody caught is the page's unhandled rejection, once; one that was caught is none", async () => {
  const page = await open();
  await recording(page);
  const seen = await page.evaluate(async () => {
    let unhandled = 0;
    let isMine = false;
    let failed: Promise<Response> | undefined;
    addEventListener("unhandledrejection", ({ promise }) => {
      unhandled++;
      isMine = promise === failed;
    });
    failed = fetch("http://127.0.0.1:1/");
    await fetch("http://127.0.0.1:1/").catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { unhandled, isMine };
  });
  expect(seen).toEqual({ unhandled: 1, isMine: true });
});
