/** axe on every screen, in both themes and on a phone. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { launchBrowser } from "../../tests/harness/browser.ts";
import { inState } from "../../tests/harness/player.ts";
import { encodeTape, inTapeOrder } from "../src/export/tape.ts";
import type { Recording } from "./recording.ts";
import { GRANT, type Stack, startStack, TOKEN } from "./server.ts";
import { madeUpTables } from "./tables.ts";
import { telling } from "./telling.ts";

let browser: Browser;
let stack: Stack;
let axe: string;

const recording = telling(Date.now() - 3_600_000, 50);

beforeAll(async () => {
  [browser, stack, axe] = await Promise.all([
    launchBrowser(),
    startStack(),
    readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"),
  ]);
  stack.add(recording);
  stack.addTables(madeUpTables("demo", { untilMs: Date.now() - 60_000, days: 3, perDay: 60 }));
});
afterAll(async () => {
  await browser.close();
  await stack.close();
});

const SCREENS: Record<string, (page: Page) => Promise<void>> = {
  "the first screen": async (page) => {
    await page.goto(stack.player);
    await page.getByRole("button", { name: "Watch" }).waitFor();
  },
  "a session": async (page) => {
    await page.goto(stack.link(recording));
    await inState(page, "paused");
  },
  "a picture in real size": async (page) => {
    await page.goto(stack.link(recording));
    await inState(page, "paused");
    await page.getByTestId("size").selectOption("real");
  },
  "the help": async (page) => {
    await page.goto(stack.link(recording));
    await inState(page, "paused");
    await page.keyboard.press("?");
  },
  "a tape that was dropped": async (page) => {
    await page.goto(stack.player);
    await drop(page, await tapeOf(recording));
    await inState(page, "paused");
  },
  "a file that is no tape": async (page) => {
    await page.goto(stack.player);
    await drop(page, Buffer.from("no tape"));
    await inState(page, "failed");
  },
  "a link without a token": async (page) => {
    await page.goto(stack.link(recording).replace(/token=[^&]*/, ""));
    await inState(page, "locked");
  },
  "a link that is cut off": async (page) => {
    await page.goto(`${stack.player}/#/sessions/demo/0123`);
    await page.getByRole("button", { name: "Watch" }).waitFor();
  },
  "what still loads": async (page) => {
    stack.behaviour.storeDelayMs = 5_000;
    try {
      await page.goto(stack.link(recording));
      await inState(page, "loading");
      await page.locator(".veil").waitFor();
    } finally {
      stack.behaviour.storeDelayMs = 0;
    }
  },
  "a player in a frame": async (page) => {
    await page.goto(
      `${stack.player}/embed.html#/sessions/demo/${recording.session}?grant=${GRANT}`,
    );
    await inState(page, "paused");
  },
  "a failure": async (page) => {
    await page.goto(stack.link(recording).replace("token=", "token=x"));
    await inState(page, "failed");
  },
};

describe.each([
  ["dark", { width: 1440, height: 900 }],
  ["light", { width: 1440, height: 900 }],
  ["dark", { width: 800, height: 900 }],
  ["light", { width: 360, height: 740 }],
] as const)("%s, %o", (colorScheme, viewport) => {
  let context: BrowserContext;
  let page: Page;
  beforeEach(async () => {
    context = await browser.newContext({ colorScheme, viewport, reducedMotion: "reduce" });
    page = await context.newPage();
  });
  afterEach(() => context.close());

  it.each(Object.keys(SCREENS))("%s", async (name) => {
    await SCREENS[name]?.(page);
    await check(page);
  });

  it.each([
    "#/find/demo/sessions",
    "#/find/demo/errors",
    "#/find/demo/pages",
    "#/find/demo/sessions?user=nobody",
    `#/find/demo/pages/${encodeURIComponent("/nowhere")}`,
    `#/find/demo/pages/${encodeURIComponent("/checkout")}`,
  ])("what is found: %s", async (path) => {
    await page.goto(stack.player);
    await page.evaluate(
      ([edge, token]) => sessionStorage.setItem(`tapedeck.token ${edge} demo`, token as string),
      [stack.edge, TOKEN],
    );
    await page.goto(`${stack.player}/${path}`);
    await page.locator("[data-testid=find][data-state=done]").waitFor();
    await check(page);
    if (path.endsWith("/sessions")) {
      await page.getByTestId("add-filter").click();
      await page.getByLabel("Field").waitFor();
      await check(page);
    }
    if (path.endsWith("/errors")) {
      await page.getByTestId("group-row").first().click();
      await page.waitForURL(/errors\/./);
      await page.locator("[data-testid=find][data-state=done]").waitFor();
      await check(page);
    }
  });

  it.each(["Share", "Export", "Keep or erase"])("the dialog: %s", async (name) => {
    await page.goto(stack.link(recording));
    await inState(page, "paused");
    await page.getByRole("button", { name, exact: true }).click();
    await page.getByRole("dialog").waitFor();
    await check(page);
  });

  it("what stands beside the picture", async () => {
    await page.goto(stack.link(recording, `&at=${recording.manifest.started_ms + 58_000}`));
    await inState(page, "paused");
    for (const panel of ["Console", "Network", "Errors", "Vitals", "Session"]) {
      await page.getByRole("tab", { name: panel }).click();
      await page.getByTestId("coverage").waitFor({ state: "detached" });
      if (panel !== "Vitals" && panel !== "Session") {
        await page.getByTestId("entry").last().click();
        await page.getByTestId("details").waitFor();
      }
      await check(page);
      if (panel !== "Errors") continue;
      await page.getByTestId("story").click();
      await page.getByTestId("copy-story").waitFor();
      await check(page);
      await page.keyboard.press("Escape");
    }
  });
});

function tapeOf({ manifest, chunks }: Recording): Promise<Buffer> {
  const lines = inTapeOrder([...chunks]).map(({ page, seq, hash, events }) => ({
    page,
    seq,
    hash,
    lines: events.map((event) => JSON.stringify(event)),
  }));
  return encodeTape({ version: 1, ...manifest }, lines, "tapedeck/test")
    .then((tape) => tape.arrayBuffer())
    .then((bytes) => Buffer.from(bytes));
}

/** Lets a file fall on the page. */
async function drop(page: Page, file: Buffer): Promise<void> {
  await page.getByRole("button", { name: "Watch" }).waitFor();
  const dataTransfer = await page.evaluateHandle((base64) => {
    const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
    const dropped = new DataTransfer();
    dropped.items.add(new File([bytes], "session.tape"));
    return dropped;
  }, file.toString("base64"));
  await page.dispatchEvent("body", "drop", { dataTransfer });
}

/** Nothing that axe finds, and nothing wider than the window. */
async function check(page: Page): Promise<void> {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { run } = (
      globalThis as unknown as {
        axe: { run: (context: object, options: object) => Promise<unknown> };
      }
    ).axe;
    // The recorded page is what it was.
    const results = await run({ exclude: ["iframe"] }, { iframes: false });
    const { violations } = results as {
      violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
    };
    return violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("\n")}`,
    );
  });
  expect(violations).toEqual([]);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
}
