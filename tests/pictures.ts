// Makes the pictures of the documents from a real visit: `npm run pictures -w tests`, with everything built.

import { fileURLToPath } from "node:url";
import { manifestOf } from "./e2e/manifest.ts";
import { visit } from "./e2e/shop.ts";
import { link } from "./e2e/watching.ts";
import { launchBrowser } from "./harness/browser.ts";
import { inState, seek } from "./harness/player.ts";
import { startStack } from "./harness/stack.ts";

const FOLDER = new URL("../docs/pictures/", import.meta.url);

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
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 800 } });
    await page.goto(link(stack.up, seen.session));
    await inState(page, "paused");
    await seek(page, checkout.at_ms);
    await inState(page, "paused");
    await page.mouse.move(640, 5);
    await page.evaluate(() => document.fonts.ready);
    const path = fileURLToPath(new URL(`player-${colorScheme}.png`, FOLDER));
    await page.screenshot({ path });
    console.log(path);
    await page.close();
  }
} finally {
  await browser.close();
  await stack.stop();
}
