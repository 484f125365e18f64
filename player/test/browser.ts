import type { Page } from "playwright-core";

/** Waits until the player is in one of these states, and returns it with what else it tells of itself. */
export async function inState(
  page: Page,
  ...states: string[]
): Promise<{ state: string; timeMs: number; fetched: number; page: string }> {
  const selector = states.map((state) => `[data-testid=player][data-state=${state}]`).join(", ");
  await page.locator(selector).waitFor({ timeout: 15_000 });
  return page.getByTestId("player").evaluate((root) => ({
    state: root.dataset.state ?? "",
    timeMs: Number(root.dataset.timeMs),
    fetched: Number(root.dataset.chunksFetched),
    page: root.dataset.page ?? "",
  }));
}

/** Clicks on the timeline where the moment is. */
export async function seek(page: Page, atMs: number): Promise<void> {
  const { startMs, endMs } = await page.getByTestId("player").evaluate((root) => ({
    startMs: Number(root.dataset.startMs),
    endMs: Number(root.dataset.endMs),
  }));
  const box = await page.getByTestId("timeline").boundingBox();
  if (box === null) throw new Error("no timeline is shown");
  const part = Math.min(1, (atMs - startMs) / (endMs - startMs));
  await page.mouse.click(box.x + Math.min(box.width - 1, box.width * part), box.y + box.height / 2);
}

/** The text in the replayed page. */
export function replayedText(page: Page): Promise<string> {
  return page.evaluate(
    () => document.querySelector("iframe")?.contentDocument?.body?.textContent ?? "",
  );
}
