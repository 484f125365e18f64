import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const CANDIDATES = [
  process.env.CHROME_BIN,
  "/usr/bin/chromium",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Chromium's program: `CHROME_BIN`, Playwright's own, or an installed one. */
export function chromiumPath(): string {
  const own = existsSync(chromium.executablePath()) ? [chromium.executablePath()] : [];
  const executablePath = [...own, ...CANDIDATES].find((path) => path && existsSync(path));
  if (executablePath === undefined) {
    throw new Error("no Chromium is installed: `cargo xtask doctor` tells how to get one");
  }
  return executablePath;
}

/** Starts Chromium. It asks nothing of the network by itself. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
