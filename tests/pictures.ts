// Makes the pictures of the documents from a real visit: `npm run pictures -w tests`, with everything built.

import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { manifestOf } from "./e2e/manifest.ts";
import { visit } from "./e2e/shop.ts";
import { link } from "./e2e/watching.ts";
import { launchBrowser } from "./harness/browser.ts";
import { inState, seek } from "./harness/player.ts";
import { startStack } from "./harness/stack.ts";

const FOLDER = new URL("../docs/pictures/", import.meta.url);

async function take(page: Page, name: string): Promise<void> {
  const path = fileURLToPath(new URL(`${name}.png`, FOLDER));
  await page.screenshot({ path });
  console.log(path);
}

const stack = await startStack();
const browser = await launchBrowser();
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const seen = await visit(context, stack.up.demo);
  await context.close();
  await manifestOf(stack, seen.session, ({ ended_ms }) => ended_ms > seen.ended_ms - 3_000);
  // The visitor has just typed into the checkout: what was typed is masked.
  const checkout = seen.sights.find(({ heading }) => heading === "Check out");
  if (checkout === undefined) throw new Error("the visitor saw no checkout");
  for (const colorScheme of ["light", "dark"] as const) {
    // The player's own theme: what a browser is told to prefer would hold in the replayed page too.
    const page = await browser.newPage({
      colorScheme: null,
      viewport: { width: 1280, height: 800 },
    });
    await page.addInitScript((theme) => {
      if (top === self) localStorage.setItem("tapedeck.theme", theme);
    }, colorScheme);
    await page.goto(link(stack.up, seen.session));
    await inState(page, "paused");
    await seek(page, checkout.at_ms);
    await inState(page, "paused");
    await page.mouse.move(640, 5);
    await page.evaluate(() => document.fonts.ready);
    await take(page, `player-${colorScheme}`);

    // What led to the visit's error, over the panel that lists it.
    await page.getByRole("tab", { name: "Errors" }).click();
    await page.getByTestId("error-entry").first().click();
    await inState(page, "paused");
    await page.getByTestId("frames").waitFor();
    await take(page, `errors-${colorScheme}`);
    await page.getByTestId("story").click();
    await page.getByTestId("story-dialog").getByText("Clicked").first().waitFor();
    await take(page, `what-led-here-${colorScheme}`);
    await page.keyboard.press("Escape");
    await page.getByRole("tab", { name: "Network" }).click();
    await page.getByTestId("coverage").waitFor({ state: "detached" });
    await page.getByTestId("entry").last().click();
    await inState(page, "paused");
    await take(page, `network-${colorScheme}`);
    await page.close();
  }
} finally {
  await browser.close();
  await stack.stop();
}
