// A visit to the demo shop at a person's pace, over two page loads and a second tab.

import type { BrowserContext, Page } from "playwright-core";

export const CARD = "4242424242424242";
export const PASSWORD = "correct-horse-battery-staple";

/** What was on the screen at a moment. */
export interface Sight {
  at_ms: number;
  /** Heading of the page, as the visitor read it. */
  heading: string;
}

export interface Visit {
  session: string;
  started_ms: number;
  ended_ms: number;
  sights: Sight[];
}

/** Opens the shop, and waits until it is being recorded. */
export async function enter(page: Page, demo: string): Promise<string> {
  await page.goto(demo);
  await page.locator('[data-testid=watch-bar][data-state="recording"]').waitFor();
  const session = await page.getByTestId("session-id").getAttribute("data-session");
  if (session === null) throw new Error("the shop shows no session");
  return session;
}

/** Half a minute: look, search, put into the cart, a second tab with 500 rows, order, and an error in the lab. */
export async function visit(context: BrowserContext, demo: string): Promise<Visit> {
  const started_ms = Date.now();
  const page = await context.newPage();
  const session = await enter(page, demo);
  const sights: Sight[] = [];
  /** A person reads; what they saw in the middle of that time is remembered. */
  const read = async (where: Page, ms: number) => {
    await where.waitForTimeout(ms / 2);
    const heading = (await where.locator("h1").first().textContent()) ?? "";
    sights.push({ at_ms: Date.now(), heading });
    await where.waitForTimeout(ms / 2);
  };

  await read(page, 2_000);
  await page.getByTestId("search").pressSequentially("bowl", { delay: 120 });
  await read(page, 1_500);
  await page.getByTestId("product-link").first().click();
  await read(page, 2_500);
  await page.getByTestId("add-to-cart").first().click();
  await page.getByTestId("toast").waitFor();
  await read(page, 2_000);

  const second = await context.newPage();
  await enter(second, `${demo}/orders`);
  await read(second, 2_000);
  await second.getByTestId("rows-shuffle").click();
  await read(second, 2_000);
  await second.close();

  await page.bringToFront();
  await page.getByTestId("cart-link").click();
  await read(page, 2_000);
  await page.getByTestId("to-checkout").click();
  await page.getByTestId("checkout-name").pressSequentially("Jane Doe", { delay: 60 });
  await page.getByTestId("checkout-email").pressSequentially("jane@shop.example", { delay: 40 });
  await page.getByTestId("checkout-password").pressSequentially(PASSWORD, { delay: 30 });
  await page.getByTestId("checkout-card").pressSequentially(CARD, { delay: 40 });
  await page.getByTestId("checkout-expiry").pressSequentially("12/34", { delay: 60 });
  await page.getByTestId("checkout-code").pressSequentially("123", { delay: 60 });
  await read(page, 1_500);
  await page.getByTestId("place-order").click();
  await page.getByTestId("order-number").waitFor();
  await read(page, 2_500);

  // The second page load.
  await enter(page, `${demo}/lab`);
  await read(page, 2_000);
  await page.getByTestId("throw-button").click();
  await page.getByTestId("dead-button").click();
  await page.getByTestId("fail-button").click();
  await page.getByTestId("fail-result").waitFor();
  await read(page, 2_000);
  const ended_ms = Date.now();
  await page.close({ runBeforeUnload: true });
  return { session, started_ms, ended_ms, sights };
}
