/** Finding in Chromium: the lists over real tables, by ranges, and what they lead to. */

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { type Stack, startStack, TOKEN } from "./server.ts";
import { madeUpTables } from "./tables.ts";

let browser: Browser;
let stack: Stack;
let context: BrowserContext;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  [browser, stack] = await Promise.all([launchBrowser(), startStack()]);
  stack.addTables(madeUpTables("demo", { untilMs: Date.now() - 60_000, days: 8, perDay: 300 }));
});
afterAll(async () => {
  await browser.close();
  await stack.close();
});
beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
});
afterEach(() => context.close());

async function open(path: string): Promise<void> {
  await page.goto(stack.player);
  await page.evaluate(
    ([edge, token]) => sessionStorage.setItem(`tapedeck.token ${edge} demo`, token as string),
    [stack.edge, TOKEN],
  );
  await page.goto(`${stack.player}/${path}`);
  await done();
}

async function done(): Promise<void> {
  await page.locator("[data-testid=find][data-state=done]").waitFor({ timeout: 15_000 });
}

const count = async () =>
  Number((await page.getByTestId("count").textContent())?.replace(/\D/g, ""));

it("lists sessions, filters them, and says so in the address", async () => {
  await open("#/find/demo/sessions");
  const all = await count();
  expect(all).toBeGreaterThan(1_500);
  await page.getByTestId("add-filter").click();
  await page.getByLabel("Field").selectOption("country");
  await page.getByLabel("Value").fill("JP");
  await page.keyboard.press("Enter");
  await page.waitForURL(/country=JP/);
  await expect.poll(count).toBeLessThan(all);
  await done();
  const some = await count();
  expect(await page.getByTestId("session-row").first().textContent()).toContain("JP");
  await page.reload();
  await done();
  expect(await count()).toBe(some);
  await page.getByRole("button", { name: "Remove the filter Country JP" }).click();
  await expect.poll(count).toBe(all);
  await page.getByTestId("session-row").first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/sessions\/demo\/[0-9a-f]{32}/);
  expect(complaints.filter((text) => !text.includes("404"))).toEqual([]);
});

it("has only the rows near the screen in the page, and goes on at their end", async () => {
  await open("#/find/demo/sessions");
  const rows = page.getByTestId("session-row");
  const row = (number: number) => page.locator(`li[aria-posinset="${number}"]`);
  await row(1).waitFor();
  expect(await rows.count()).toBeLessThan(50);
  const toEnd = () =>
    page.evaluate(() => {
      scrollTo(0, document.body.scrollHeight);
      const places = [...document.querySelectorAll("[data-testid=sessions] li")];
      return Math.max(...places.map(({ ariaPosInSet }) => Number(ariaPosInSet)));
    });
  await expect.poll(toEnd).toBeGreaterThan(250);
  await done();
  expect(await rows.count()).toBeLessThan(50);
  expect(await row(1).count()).toBe(0);
  expect(await page.locator("[data-testid=sessions] li").first().getAttribute("aria-setsize")).toBe(
    "-1",
  );
  // None lies over another.
  const boxes = await rows.evaluateAll((links) =>
    links.map((link) => link.getBoundingClientRect()).map(({ top, bottom }) => ({ top, bottom })),
  );
  boxes.sort((a, b) => a.top - b.top);
  for (const [index, { top }] of boxes.entries())
    expect(top).toBeGreaterThanOrEqual((boxes[index - 1]?.bottom ?? top) - 1);
});

it("goes from row to row by keys, and keeps the focus when it is scrolled away", async () => {
  await open("#/find/demo/sessions");
  const focused = () =>
    page.evaluate(() => Number(document.activeElement?.closest("li")?.ariaPosInSet));
  await page.getByTestId("session-row").first().focus();
  for (let n = 0; n < 40; n++) {
    await page.keyboard.press(n % 2 === 0 ? "ArrowDown" : "j");
    await expect.poll(focused).toBe(n + 2);
  }
  await page.keyboard.press("ArrowUp");
  await expect.poll(focused).toBe(40);
  await page.evaluate(() => scrollTo(0, 0));
  await page.locator('li[aria-posinset="1"]').waitFor();
  expect(await focused()).toBe(40);
});

/** Where the chart's canvas has the theme's accent, as its bars have. */
function charted(): Promise<{ accent: string; pixels: number; columns: number; last: number }> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>(".chart canvas");
    const drawn = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height);
    const probe = document.createElement("i");
    probe.style.color = "var(--accent)";
    document.body.append(probe);
    const accent = /(\d+), (\d+), (\d+)/.exec(getComputedStyle(probe).color)?.slice(1);
    probe.remove();
    const columns: number[] = [];
    for (let at = 0; drawn !== undefined && at < drawn.data.length; at += 4)
      if (accent?.every((part, index) => drawn.data[at + index] === Number(part)))
        columns.push((at / 4) % drawn.width);
    return {
      accent: String(accent),
      pixels: columns.length,
      columns: new Set(columns).size,
      last: columns.reduce((max, one) => Math.max(max, one), 0) / (canvas?.width ?? 1),
    };
  });
}

it("draws its chart in the colours of the theme that is chosen", async () => {
  await open("#/find/demo/sessions");
  const seen = new Set<string>();
  for (let themes = 0; themes < 3; themes++) {
    await expect.poll(async () => (await charted()).pixels).toBeGreaterThan(500);
    seen.add((await charted()).accent);
    await page.getByRole("button", { name: /^Colours/ }).click();
  }
  expect(seen.size).toBe(2);
});

it("draws the bar of every count, the last one included", async () => {
  await open("#/find/demo/errors");
  await page.getByTestId("group-row").first().click();
  await page.waitForURL(/errors\/./);
  await done();
  for (const path of [null, "#/find/demo/sessions?hours=24"]) {
    if (path !== null) await open(path);
    await expect.poll(async () => (await charted()).columns).toBeGreaterThan(5);
    // Something happened in the last hours.
    if (path !== null) expect((await charted()).last).toBeGreaterThan(0.85);
  }
});

it("goes from an error group to a session at the moment of the error", async () => {
  await open("#/find/demo/errors");
  expect(await page.getByTestId("group-row").count()).toBe(3);
  await page.getByLabel("Show noise").check();
  await expect.poll(() => page.getByTestId("group-row").count()).toBe(4);
  await page.getByText("Payment was declined").click();
  await page.waitForURL(/errors\/v1%3A22aa/);
  await done();
  await page.getByRole("heading", { name: "Payments" }).waitFor();
  for (const name of ["Releases", "Browsers", "Countries"])
    await page.getByRole("heading", { name }).waitFor();
  await page.getByTestId("session-row").first().click();
  await page.waitForURL(/sessions\/demo\/[0-9a-f]{32}\?at=\d+/);
});

it("tells the vitals of a page by device and country", async () => {
  await open("#/find/demo/pages");
  expect(await page.getByTestId("page-row").count()).toBe(7);
  await page.getByRole("link", { name: "/products/:id" }).click();
  await done();
  await page.getByRole("heading", { name: "By device" }).waitFor();
  await page.getByRole("rowheader", { name: "mobile" }).waitFor();
});

it("ends a search that the next replaces, and asks for a token that is needed", async () => {
  await open("#/find/demo/sessions");
  for (const sort of ["duration_ms", "errors", "rage_clicks", "started_ms"])
    await page.getByTestId("sort").selectOption(sort);
  await done();
  expect(page.url()).not.toContain("sort");
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  await page.getByPlaceholder("Token").fill("wrong");
  await page.keyboard.press("Enter");
  await page.locator("[data-testid=find][data-state=failed]").waitFor();
  await page.getByPlaceholder("Token").fill(TOKEN);
  await page.keyboard.press("Enter");
  await done();
});

it("says when there is nothing", async () => {
  await open("#/find/demo/sessions?user=nobody");
  await page.getByTestId("nothing").waitFor();
});
