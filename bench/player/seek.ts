// Seeks by the timeline, within what is loaded and far away.

import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "playwright-core";
import { link } from "../../tests/e2e/watching.ts";
import { median } from "../frame.ts";
import { clockAt } from "./hour.ts";
import type { Hour } from "./hour-stored.ts";
import type { Setting } from "./setting.ts";

const SEEKS = 30;

export async function seeking(
  { browser, figure, line, say, stack }: Setting,
  hour: Hour,
): Promise<void> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    proxy: { server: line.url },
  });
  try {
    const page = await context.newPage();
    await page.goto(link(stack.up, hour.session.id, hour.session.start_ms + 47 * 60_000 + 58_500));
    await page.locator("[data-testid=player][data-state=paused]").waitFor();
    await page.waitForLoadState("networkidle");
    const near = await seeks(page, hour, draw(SEEKS, 47 * 60_000 + 1_000, 47 * 60_000 + 58_000));
    // Far: every one in a minute of its own that nothing was loaded of.
    const minutes = draw(SEEKS, 0, 59_000).map((_, n) => (n * 37) % 59);
    const far = await seeks(
      page,
      hour,
      draw(SEEKS, 2_000, 57_000).map((ms, n) => (minutes[n] as number) * 60_000 + ms),
    );
    say(`seeks: near ${median(near).toFixed(0)} ms, far ${median(far).toFixed(0)} ms`);
    figure(
      "seek_loaded_p95_ms",
      p95(near),
      "ms",
      250,
      "lower",
      `${SEEKS} seeks within a loaded minute, to the painted frame; median ${median(near).toFixed(0)} ms`,
    );
    figure(
      "seek_far_p95_ms",
      p95(far),
      "ms",
      1_000,
      "lower",
      `${SEEKS} seeks to other minutes, on the same line; median ${median(far).toFixed(0)} ms`,
    );
  } finally {
    await context.close();
  }
}

/** Seeks by the timeline; milliseconds from letting go until the right frame is painted. */
async function seeks(page: Page, hour: Hour, moments: number[]): Promise<number[]> {
  const took: number[] = [];
  for (const ms of moments) {
    const clock = clockAt(ms);
    const found = page.evaluate(
      ({ atMs, clock }) =>
        new Promise<number>((resolve) => {
          const root = document.querySelector<HTMLElement>("[data-testid=player]");
          const track = document.querySelector("[data-testid=timeline]");
          if (!root || !track) throw new Error("there is no player");
          const [startMs, endMs] = [Number(root.dataset.startMs), Number(root.dataset.endMs)];
          const { left, width, top } = track.getBoundingClientRect();
          const part = (atMs - startMs) / (endMs - startMs);
          const at = {
            clientX: left + part * width,
            clientY: top + 8,
            pointerId: 1,
            bubbles: true,
          };
          // A synthetic pointer cannot be captured.
          track.setPointerCapture = () => {};
          const beganMs = performance.now();
          track.dispatchEvent(new PointerEvent("pointerdown", { ...at, button: 0 }));
          track.dispatchEvent(new PointerEvent("pointerup", { ...at, button: 0 }));
          const look = () => {
            const found = document
              .querySelector("iframe")
              ?.contentDocument?.querySelector("#clock");
            if (found?.textContent !== clock || root.dataset.state !== "paused")
              return void requestAnimationFrame(look);
            requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - beganMs)));
          };
          look();
        }),
      { atMs: hour.session.start_ms + ms, clock },
    );
    took.push(await Promise.race([found, late(`the seek to ${clock}`)]));
  }
  return took;
}

async function late(what: string): Promise<never> {
  await sleep(30_000);
  throw new Error(`${what} took more than 30 s`);
}

function p95(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Number.NaN;
}

/** Numbers that look like chance and are the same in every run. */
function draw(count: number, from: number, to: number): number[] {
  let seed = 5;
  return Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    // In the middle of a second, so that the clock is the same on either side of a pixel.
    return Math.floor((from + (seed / 2 ** 32) * (to - from)) / 1_000) * 1_000 + 500;
  });
}
