import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const CANDIDATES = [
  process.env.CHROME_BIN,
  "/usr/bin/chromium",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Starts Chromium: `CHROME_BIN`, Playwright's own, or an installed one. It asks nothing of the network by itself. */
export function launchBrowser(): Promise<Browser> {
  const own = existsSync(chromium.executablePath()) ? [chromium.executablePath()] : [];
  const executablePath = [...own, ...CANDIDATES].find((path) => path && existsSync(path));
  if (executablePath === undefined) {
    throw new Error("no Chromium is installed: `cargo xtask doctor` tells how to get one");
  }
  return chromium.launch({
    executablePath,
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
