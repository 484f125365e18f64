/** Sessions over hosts, tabs, caches and storage that fails. */
import type { Browser } from "playwright-core";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";
import { expect, test } from "vitest";
import { chromiumPath } from "../../../tests/harness/browser.js";
import { projectConfig } from "./edge.js";
import { context, edge, flush, open, recording, site, state, uploaded } from "./setup.js";

async function withBrowser(
  options: Parameters<typeof chromium.launch>[0],
  use: (browser: Browser) => Promise<void>,
): Promise<void> {
  const browser = await chromium.launch({ executablePath: chromiumPath(), ...options });
  try {
    await use(browser);
  } finally {
    await browser.close();
  }
}

const QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run"];

test("hosts of one domain share the session, and a refusal, where the page asks for it", async () => {
  site.options = 'data-mask-text="false" data-shared-domain="shop.test"';
  const { port } = new URL(site.origin);
  const args = [...QUIET, "--host-resolver-rules=MAP *.shop.test 127.0.0.1"];
  await withBrowser({ args }, async (browser) => {
    const page = await browser.newPage();
    for (const host of ["www", "help"]) {
      await page.goto(`http://${host}.shop.test:${port}/`);
      await recording(page);
      await flush(page);
    }
    expect(new Set(edge.uploads.map(({ session }) => session)).size).toBe(1);
    expect(edge.payloads("tapedeck.session")).toHaveLength(2);
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
    await page.evaluate(() => Tapedeck.setConsent(false));
    await page.goto(`http://www.shop.test:${port}/`);
    await expect.poll(() => state(page)).toBe("idle");
  });
});

test("a page from the back/forward cache goes on as the page it was", async () => {
  edge.config = () => projectConfig({ flushMs: 60_000 });
  site.pages.set("/two", "<h1>Two</h1>");
  await withBrowser(
    { args: QUIET, ignoreDefaultArgs: ["--disable-back-forward-cache"] },
    async (browser) => {
      const page = await browser.newPage();
      await page.goto(`${site.origin}/`);
      await recording(page);
      await flush(page);
      await page.evaluate(() => {
        addEventListener("pageshow", ({ persisted }) => Object.assign(window, { persisted }));
      });
      await page.goto(`${site.origin}/two`);
      await recording(page);
      await page.evaluate(() => void setTimeout(() => history.back()));
      await page.waitForFunction(() => "persisted" in window);
      expect(await page.evaluate(() => (window as { persisted?: boolean }).persisted)).toBe(true);
      await page.evaluate(() => {
        document.body.append("AFTERWARDS");
        Tapedeck.track("restored");
      });
      await uploaded(page, "what came after", () => edge.payloads("tapedeck.custom")[0]);
      const last = edge.uploads.at(-1);
      expect(last?.header.page).toBe(edge.uploads[0]?.header.page);
      expect(last?.ndjson).toContain("AFTERWARDS");
      expect(edge.payloads("tapedeck.visibility")).toContainEqual({
        state: "visible",
        restored: true,
      });
    },
  );
});

test("a page that is drawn ahead is nobody's until it is looked at", async () => {
  await context.addInitScript(() => {
    let seen = false;
    Object.defineProperty(document, "visibilityState", {
      get: () => (seen ? "visible" : "hidden"),
    });
    Object.assign(window, {
      look: () => {
        seen = true;
        document.dispatchEvent(new Event("visibilitychange"));
      },
    });
  });
  const page = await open();
  await page.waitForTimeout(300);
  expect(edge.uploads).toEqual([]);
  expect(await page.evaluate(() => localStorage.length)).toBe(0);
  await page.evaluate("look()");
  await recording(page);
});

test("a page that the browser draws ahead by speculation rules is recorded from when it is looked at", async () => {
  site.pages.set(
    "/rules",
    `<a href="/ahead">ahead</a><script type="speculationrules">{"prerender":[{"urls":["/ahead"],"eagerness":"immediate"}]}</script>`,
  );
  site.pages.set(
    "/ahead",
    `<h1>Ahead</h1><script>document.addEventListener("prerenderingchange", () => fetch("/activated"))</script>`,
  );
  // Playwright holds such a page back as a target that it does not know.
  const browser = await puppeteer.launch({ executablePath: chromiumPath(), args: QUIET });
  try {
    const page = await browser.newPage();
    await page.goto(`${site.origin}/rules`);
    await edge.until("the page to be drawn ahead", () =>
      site.requests.find(
        ({ url, headers }) => url === "/ahead" && `${headers["sec-purpose"]}`.includes("prerender"),
      ),
    );
    await edge.until(
      "its script",
      () => site.requests.filter(({ url }) => url === "/tapedeck.js")[1],
    );
    const ofAhead = () =>
      edge.payloads("tapedeck.session").filter(({ url }) => url.endsWith("/ahead"));
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
    await page.evaluate(() => Tapedeck.flush());
    expect(ofAhead()).toEqual([]);
    const before = Date.now();
    await page.evaluate(() => void setTimeout(() => document.querySelector("a")?.click()));
    await edge.until("its session", () => ofAhead()[0]);
    expect(site.requests.map(({ url }) => url)).toContain("/activated");
    const snapshot = edge.uploads
      .flatMap(({ events }) => events)
      .find(({ type, timestamp }) => type === 2 && timestamp >= before);
    expect(JSON.stringify(snapshot)).toContain("Ahead");
    expect(new Set(edge.uploads.map(({ session }) => session)).size).toBe(1);
  } finally {
    await browser.close();
  }
});

test("a refusal in one tab ends the recording in the others", async () => {
  edge.config = () => projectConfig({ flushMs: 60_000 });
  const [page, other] = [await open(), await open()];
  await recording(page);
  await recording(other);
  await other.evaluate(() => Tapedeck.setConsent(false));
  const before = edge.uploads.length;
  await page.bringToFront();
  await page.evaluate(() => Tapedeck.track("unheard"));
  await flush(page);
  await expect.poll(() => state(page)).toBe("idle");
  expect(edge.uploads).toHaveLength(before);
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual(["tapedeck.optout"]);
});

test("storage that the page clears does not end the session", async () => {
  await context.clock.install();
  const page = await open();
  await recording(page);
  await flush(page);
  await page.evaluate(() => localStorage.clear());
  await page.clock.runFor(15_000);
  await page.mouse.move(5, 5);
  await page.mouse.move(9, 9);
  await page.reload();
  await recording(page);
  await flush(page);
  expect(new Set(edge.uploads.map(({ session }) => session)).size).toBe(1);
});

test("a hidden page is observed no longer, and from a checkpoint on when it is seen again", async () => {
  edge.config = () => projectConfig({ flushMs: 1_000 });
  await context.addInitScript(() => {
    let state = "visible";
    Object.defineProperty(document, "visibilityState", { get: () => state });
    Object.assign(window, {
      become: (next: string) => {
        state = next;
        document.dispatchEvent(new Event("visibilitychange"));
      },
    });
  });
  await context.clock.install();
  const page = await open();
  await recording(page);
  await flush(page);
  await page.evaluate("become('hidden')");
  await page.clock.runFor(31_000);
  const before = edge.uploads.length;
  await page.evaluate(() => {
    document.body.append("UNSEEN");
  });
  await page.clock.runFor(60_000);
  expect(edge.uploads).toHaveLength(before);
  await page.evaluate("become('visible')");
  await page.clock.runFor(2_000);
  await flush(page);
  const after = edge.uploads.slice(before).flatMap(({ events }) => events);
  expect(after.some(({ type }) => type === 2)).toBe(true);
  expect(after.some(({ type, data }) => type === 3 && data.source === 0)).toBe(false);
});

test("a page that changes and changes with nobody there sends what it had, and no more", async () => {
  edge.config = () => projectConfig({ flushMs: 1_000, flushMaxMs: 60_000 });
  await context.clock.install();
  const page = await open();
  await recording(page);
  await flush(page);
  await page.clock.runFor(61_000);
  const before = edge.uploads.length;
  for (let i = 0; i < 20; i++) {
    await page.evaluate(() => {
      document.body.innerHTML = `<p title="x">${"row ".repeat(20)}</p>`.repeat(1_000);
    });
    await page.clock.runFor(5_000);
  }
  expect(edge.uploads.length - before).toBeLessThanOrEqual(1);
  await page.mouse.move(5, 5);
  await page.clock.runFor(2_000);
  await flush(page);
  const after = edge.uploads.slice(before).flatMap(({ events }) => events);
  expect(after.some(({ type }) => type === 2)).toBe(true);
});
