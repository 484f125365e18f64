import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { beforeAll, expect, inject, test } from "vitest";
import type { Manifest } from "../../recorder/publish.ts";
import { launchBrowser } from "../harness/browser.ts";
import { Bucket } from "../harness/bucket.ts";
import { makeProject } from "../harness/project.ts";

const stack = inject("stack");
const bucket = new Bucket(stack.up);
let manifest: Manifest;

const get = (path: string) => fetch(stack.up.edge + path);

beforeAll(async () => {
  const response = await get("/r/manifest.json");
  expect(response.headers.get("content-type")).toContain("application/json");
  expect(response.headers.get("cache-control")).toBe("public, max-age=60");
  manifest = await response.json();
});

test("a version's files are what the manifest says, and may be kept for ever", async () => {
  const files = Object.entries(manifest.versions[manifest.latest] ?? {});
  expect(files.map(([name]) => name)).toEqual([
    "tapedeck.js",
    "tapedeck-recorder.js",
    "tapedeck-recorder-full.js",
  ]);
  for (const [name, { integrity, bytes }] of files) {
    const response = await get(`/r/${manifest.latest}/${name}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(response.headers.get("content-type")).toMatch(/^(text|application)\/javascript/);
    const body = Buffer.from(await response.arrayBuffer());
    expect(body.length).toBe(bytes);
    expect(`sha384-${createHash("sha384").update(body).digest("base64")}`).toBe(integrity);
    const latest = await get(`/r/latest/${name}`);
    expect(latest.headers.get("cache-control")).toBe("public, max-age=300");
    expect(Buffer.from(await latest.arrayBuffer()).equals(body)).toBe(true);
  }
});

test("an integrity of the README's form lets a page of another origin record, and a wrong one does not", async () => {
  const project = await makeProject(bucket);
  const { integrity } = manifest.versions[manifest.latest]?.["tapedeck.js"] ?? {};
  let hold = integrity;
  const site: Server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end(
      `<!doctype html><title>a shop</title><script src="${stack.up.edge}/r/${manifest.latest}/tapedeck.js"
        integrity="${hold}" crossorigin="anonymous" data-key="${project.key}" data-edge="${stack.up.edge}"></script><p>goods`,
    );
  });
  await new Promise<void>((resolve) => site.listen(0, "localhost", resolve));
  const url = `http://localhost:${(site.address() as AddressInfo).port}/`;
  let browser: Browser | undefined;
  try {
    browser = await launchBrowser();
    const page = await browser.newPage();
    const uploaded = page.waitForResponse((response) => response.url().includes("/v1/batches"));
    await page.goto(url);
    await page.mouse.click(5, 5);
    expect(await (await uploaded).json()).toEqual({ outcome: "stored" });

    hold = `sha384-${createHash("sha384").update("something else").digest("base64")}`;
    await page.goto(url);
    expect(await page.evaluate(() => "Tapedeck" in globalThis)).toBe(false);
  } finally {
    await browser?.close();
    site.close();
  }
});
