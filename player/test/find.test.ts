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
  expect(await page.getByTestId("session-row").count()).toBe(50);
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
  await page.getByTestId("more").click();
  await expect.poll(() => page.getByTestId("session-row").count()).toBe(100);
  await page.getByTestId("session-row").first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/sessions\/demo\/[0-9a-f]{32}/);
  expect(complaints.filter((text) => !text.includes("404"))).toEqual([]);
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
