// The demo shop with any recorder in it, and a visit that lasts as long as a person's.

import { existsSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { BrowserContext, Page } from "playwright-core";
import type { Site } from "./serve.ts";

const DIST = fileURLToPath(new URL("../../local/demo/dist", import.meta.url));
const TYPES: Record<string, string> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
const PAGES = /^\/(?:|cart|checkout|orders|lab|product\/[\w-]+|thanks\/[\w-]+)$/;

/** The shop as `local/demo/API.md` has it. It finds no recorder of its own, and has the one in `head`. */
export const shop: Site = (path, response, head) => {
  if (!existsSync(DIST)) throw new Error(`${DIST} is not built: run cargo xtask build`);
  const json = (status: number, body: unknown): true => {
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    return true;
  };
  if (path === "/tapedeck.json") return json(404, {});
  if (path === "/api/orders") return json(201, { order: "W-7K2M" });
  if (path === "/api/recommendations") return json(200, { picks: [3, 8, 12, 16, 5] });
  if (path === "/api/fail") return json(500, { error: "kiln_cold" });
  const file = PAGES.test(path) ? "/index.html" : path;
  if (!existsSync(DIST + file)) return false;
  const content = readFileSync(DIST + file);
  response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
  response.end(
    file === "/index.html" ? content.toString().replace("<head>", `<head>${head}`) : content,
  );
  return true;
};

/** The script of `tests/e2e/shop.ts`, with the pointer and the page moved while the visitor reads. Leaves the last page open. */
export async function stroll(
  context: BrowserContext,
  origin: string,
  minutes: number,
): Promise<Page> {
  const page = await context.newPage();
  const ends_ms = Date.now() + minutes * 60_000;
  let left = 11;
  /** An equal part of the time that is left. */
  const read = async (where: Page): Promise<void> => {
    const until_ms = Date.now() + (ends_ms - Date.now()) / left--;
    for (let i = 0; Date.now() < until_ms; i++) {
      await where.mouse.move(200 + ((i * 67) % 600), 150 + ((i * 41) % 400), { steps: 8 });
      if (i % 3 === 2) await where.mouse.wheel(0, i % 2 === 0 ? 250 : -200);
      await sleep(Math.min(2_500, Math.max(0, until_ms - Date.now())));
    }
  };
  await page.goto(origin);
  await read(page);
  await page.getByTestId("search").pressSequentially("bowl", { delay: 250 });
  await read(page);
  await page.getByTestId("product-link").first().click();
  await read(page);
  await page.getByTestId("add-to-cart").first().click();
  await page.getByTestId("toast").waitFor();
  await read(page);
  const second = await context.newPage();
  await second.goto(`${origin}/orders`);
  await read(second);
  await second.getByTestId("rows-shuffle").click();
  await read(second);
  await second.close();
  await page.bringToFront();
  await page.getByTestId("cart-link").click();
  await read(page);
  await page.getByTestId("to-checkout").click();
  const fields = {
    name: "Jane Doe",
    email: "jane@shop.example",
    password: "correct-horse-battery-staple",
    card: "4242424242424242",
    expiry: "12/34",
    code: "123",
  };
  for (const [name, value] of Object.entries(fields))
    await page.getByTestId(`checkout-${name}`).pressSequentially(value, { delay: 150 });
  await read(page);
  await page.getByTestId("place-order").click();
  await page.getByTestId("order-number").waitFor();
  await read(page);
  await page.goto(`${origin}/lab`);
  await read(page);
  await page.getByTestId("throw-button").click();
  await page.getByTestId("dead-button").click();
  await page.getByTestId("fail-button").click();
  await page.getByTestId("fail-result").waitFor();
  await read(page);
  return page;
}
