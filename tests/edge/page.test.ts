import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { launchBrowser } from "../harness/browser.ts";
import { Bucket } from "../harness/bucket.ts";
import { makeKey, makeProject, type Project } from "../harness/project.ts";
import { readLog } from "../harness/stack.ts";
import { until } from "../harness/until.ts";
import { gzip, makeBody, makeEvents, makeSession } from "../harness/upload.ts";

const stack = inject("stack");
let site: Server;
let browser: Browser;
let page: Page;
let project: Project;

beforeAll(async () => {
  project = await makeProject(new Bucket(stack.up));
  // A page of another origin than the edge's, as a shop's is.
  site = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<title>a shop</title>");
  });
  await new Promise<void>((resolve) => site.listen(0, "localhost", resolve));
  browser = await launchBrowser();
  page = await browser.newPage();
  await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`);
});

afterAll(async () => {
  await browser?.close();
  site?.close();
});

/** What a script of the page is told about its request. */
interface Told {
  status: number;
  body: Record<string, unknown>;
}

/** Sends a body from the page. */
function post(
  body: Uint8Array,
  { key = project.key, type = "text/plain", keepalive = false } = {},
): Promise<Told> {
  return page.evaluate(
    async ({ url, base64, type, keepalive }) => {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const body = new Blob([bytes], { type });
      const init = { method: "POST", body, keepalive, credentials: "omit" } as const;
      const response = await fetch(url, init);
      return { status: response.status, body: await response.json() };
    },
    {
      url: `${stack.up.edge}/v1/batches?key=${key}`,
      base64: Buffer.from(body).toString("base64"),
      type,
      keepalive,
    },
  );
}

/** How often a browser has asked before it sent. A line is written with the answer, so before the page goes on. */
async function preflights(): Promise<number> {
  return (await readLog(stack, "edge")).split('"route":"preflight"').length - 1;
}

test("a page uploads without a preflight", async () => {
  const before = await preflights();
  for (const keepalive of [false, true]) {
    const session = makeSession();
    const body = makeBody(session, gzip(makeEvents(session, 100)));
    expect(await post(body, { keepalive })).toEqual({ status: 200, body: { outcome: "stored" } });
  }
  expect(await preflights()).toBe(before);
  // So would another type be seen.
  const session = makeSession();
  await post(makeBody(session, makeEvents(session)), { type: "application/json" });
  await until("a preflight in the log", async () => (await preflights()) > before || undefined);
});

test("a page can read every refusal, also of a body that it is still sending", async () => {
  const session = makeSession();
  const small = makeBody(session, makeEvents(session));
  expect(await post(small, { key: makeKey() })).toMatchObject({
    status: 401,
    body: { error: "unknown_key" },
  });
  expect(await post(new Uint8Array(10))).toMatchObject({ status: 400, body: { error: "header" } });
  for (const bytes of [3_000_000, 10_000_000]) {
    expect(await post(new Uint8Array(bytes))).toMatchObject({
      status: 413,
      body: { error: "too_large", limit: "compressed_bytes" },
    });
  }
});

test("a page reads its settings without a preflight", async () => {
  const before = await preflights();
  const config = await page.evaluate(
    async (url) => (await fetch(url)).json(),
    `${stack.up.edge}/v1/config?key=${project.key}`,
  );
  expect(config).toMatchObject({ version: 1, project: project.id });
  expect(await preflights()).toBe(before);
});

test("a player of another origin opens a session", async () => {
  const session = makeSession();
  await post(makeBody(session, gzip(makeEvents(session))));
  const opened = await page.evaluate(
    async ({ url, token }) => {
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      return response.json();
    },
    {
      url: `${stack.up.edge}/v1/projects/${project.id}/sessions/${session.id}`,
      token: project.token,
    },
  );
  expect(Object.keys(opened.urls)).toHaveLength(1);
});
