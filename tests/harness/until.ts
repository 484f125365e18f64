import { setTimeout as sleep } from "node:timers/promises";

/**
 * What `look` finds, as soon as it finds something: asked again every 50 ms while it gives `undefined` or throws.
 * After `within_ms` it fails, and says what it waited for and what came last.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  within_ms = 20_000,
): Promise<T> {
  const end_ms = Date.now() + within_ms;
  let last: unknown;
  while (Date.now() < end_ms) {
    try {
      const found = await look();
      if (found !== undefined) {
        return found;
      }
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(50);
  }
  throw new Error(`waited ${within_ms} ms for ${what}`, { cause: last });
}
