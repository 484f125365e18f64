/** The three engines that browsers have, each driven as far as these tests need it. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { type Browser, launch, type Page } from "puppeteer-core";
import { Builder, By, type WebDriver } from "selenium-webdriver";
import { chromiumPath } from "../../../tests/harness/browser.js";

/** A tab. */
export interface Tab {
  goto(url: string): Promise<void>;
  /** Runs an expression in the page, and returns what its promise gives. */
  run(expression: string): Promise<unknown>;
  /** Clicks as a person does. */
  click(selector: string): Promise<void>;
  type(selector: string, text: string): Promise<void>;
  reload(): Promise<void>;
  close(): Promise<void>;
}

export interface Engine {
  open(): Promise<Tab>;
  /** Whether it has ended by itself. */
  hasEnded(): boolean;
  stop(): Promise<void>;
}

export interface Kind {
  readonly name: string;
  /** What is not installed, undefined where nothing is missing. */
  readonly missing: string | undefined;
  start(): Promise<Engine>;
}

const FIREFOX = [
  "/usr/bin/firefox-esr",
  "/usr/bin/firefox",
  "/Applications/Firefox.app/Contents/MacOS/firefox",
];
const WEBKIT_DRIVERS = ["/usr/bin/WebKitWebDriver"];
const XVFB = "/usr/bin/xvfb-run";
const MINI_BROWSERS = [
  "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
  "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
];
const CHROMIUM_SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];

const firefox = FIREFOX.find(existsSync);
const webkitDriver = WEBKIT_DRIVERS.find(existsSync);
const miniBrowser = MINI_BROWSERS.find(existsSync);

export const ENGINES: readonly Kind[] = [
  {
    name: "Chromium",
    missing: undefined,
    start: () => withPuppeteer({ executablePath: chromiumPath(), args: CHROMIUM_SWITCHES }),
  },
  {
    name: "Firefox",
    missing: firefox ? undefined : "there is no Firefox (apt-get install firefox-esr)",
    start: () =>
      withPuppeteer({
        browser: "firefox",
        protocol: "webDriverBiDi",
        executablePath: firefox as string,
      }),
  },
  {
    name: "WebKit",
    missing:
      webkitDriver && miniBrowser && existsSync(XVFB)
        ? undefined
        : "there is no WebKitGTK to drive (apt-get install webkit2gtk-driver xvfb xauth)",
    start: startWebKit,
  },
];

async function withPuppeteer(options: Parameters<typeof launch>[0]): Promise<Engine> {
  const browser: Browser = await launch({ headless: true, ...options });
  return {
    open: async () => tabOf(await browser.newPage()),
    hasEnded: () => !browser.connected,
    stop: () => browser.close(),
  };
}

function tabOf(page: Page): Tab {
  return {
    goto: async (url) => void (await page.goto(url)),
    run: (expression) => page.evaluate(expression),
    click: (selector) => page.click(selector),
    type: (selector, text) => page.type(selector, text),
    reload: async () => void (await page.reload()),
    close: () => page.close({ runBeforeUnload: true }),
  };
}

/** WebKitGTK has no headless mode, and its driver one session at a time. */
async function startWebKit(): Promise<Engine> {
  const port = await freePort();
  const driver = spawn(XVFB, ["-a", webkitDriver as string, `--port=${port}`], {
    detached: true,
    stdio: "ignore",
  });
  const client = await untilUp(() =>
    new Builder()
      .usingServer(`http://127.0.0.1:${port}`)
      .withCapabilities({
        browserName: "MiniBrowser",
        "webkitgtk:browserOptions": { binary: miniBrowser, args: ["--automation"] },
      })
      .build(),
  );
  const home = await client.getWindowHandle();
  return {
    hasEnded: () => driver.exitCode !== null || driver.signalCode !== null,
    async open() {
      await client.switchTo().window(home);
      await client.switchTo().newWindow("window");
      return webKitTab(client, await client.getWindowHandle(), home);
    },
    async stop() {
      if (driver.exitCode !== null || driver.signalCode !== null) return;
      await client.quit();
      end(driver);
    },
  };
}

function webKitTab(client: WebDriver, handle: string, home: string): Tab {
  const here = (): Promise<void> => client.switchTo().window(handle);
  return {
    async goto(url) {
      await here();
      await client.get(url);
    },
    async run(expression) {
      await here();
      return client.executeAsyncScript(
        `const done = arguments[0]; Promise.resolve(${expression}).then(done, (error) => done(String(error)));`,
      );
    },
    async click(selector) {
      await here();
      await client.findElement(By.css(selector)).click();
    },
    async type(selector, text) {
      await here();
      await client.findElement(By.css(selector)).sendKeys(text);
    },
    async reload() {
      await here();
      await client.navigate().refresh();
    },
    async close() {
      await here();
      await client.close();
      await client.switchTo().window(home);
    },
  };
}

/** The driver takes a moment to listen. */
async function untilUp(connect: () => Promise<WebDriver> | WebDriver): Promise<WebDriver> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      const client = await connect();
      await client.manage().setTimeouts({ script: 30_000, pageLoad: 30_000 });
      return client;
    } catch (error) {
      if (Date.now() > deadline)
        throw new Error("WebKit's driver did not answer in 30 s", { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

function end({ pid }: ChildProcess): void {
  // The whole group: xvfb-run does not hand a signal on to what it started.
  if (pid !== undefined) process.kill(-pid, "SIGTERM");
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
