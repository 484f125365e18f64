/** The player as somebody who watches uses it. */

import type { Frame, Page } from "playwright-core";

/** What the player tells of itself. */
export interface Told {
  state: string;
  timeMs: number;
  /** Chunks fetched so far. */
  fetched: number;
  /** The page load that is shown. */
  page: string;
}

/** Waits until the player is in one of these states. */
export async function inState(page: Page, ...states: string[]): Promise<Told> {
  const selector = states.map((state) => `[data-testid=player][data-state=${state}]`).join(", ");
  await page.locator(selector).waitFor({ timeout: 20_000 });
  return told(page);
}

export function told(page: Page): Promise<Told> {
  return page.getByTestId("player").evaluate((root) => ({
    state: root.dataset.state ?? "",
    timeMs: Number(root.dataset.timeMs),
    fetched: Number(root.dataset.chunksFetched),
    page: root.dataset.page ?? "",
  }));
}

/** Clicks on the timeline where the moment is, and waits until the player is there, as near as a pixel is. */
export async function seek(page: Page, atMs: number): Promise<void> {
  const { startMs, endMs } = await page.getByTestId("player").evaluate((root) => ({
    startMs: Number(root.dataset.startMs),
    endMs: Number(root.dataset.endMs),
  }));
  const box = await page.getByTestId("timeline").boundingBox();
  if (box === null) throw new Error("no timeline is shown");
  const part = Math.min(1, (atMs - startMs) / (endMs - startMs));
  await page.mouse.click(box.x + Math.min(box.width - 1, box.width * part), box.y + box.height / 2);
  const slackMs = (endMs - startMs) / box.width + 50;
  await page.waitForFunction(
    ([atMs, slackMs]) => {
      const { timeMs, state } =
        document.querySelector<HTMLElement>("[data-testid=player]")?.dataset ?? {};
      return state === "playing" || Math.abs(Number(timeMs) - atMs) <= slackMs;
    },
    [Math.min(atMs, endMs - 1), slackMs] as const,
  );
}

/** The frame in which the recorded page is rebuilt. */
export async function replayed(page: Page): Promise<Frame> {
  const frame = await (await page.locator("iframe").first().elementHandle())?.contentFrame();
  if (!frame) throw new Error("there is no replayed page");
  return frame;
}

/** The text in the replayed page. */
export function replayedText(page: Page): Promise<string> {
  return page.evaluate(
    () => document.querySelector("iframe")?.contentDocument?.body?.textContent ?? "",
  );
}
