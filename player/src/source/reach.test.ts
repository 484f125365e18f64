import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { retried } from "./reach.ts";
import { SourceError } from "./source.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("tries again what passes, three times at most", async () => {
  let attempts = 0;
  const failing = retried(undefined, async () => {
    attempts++;
    throw new SourceError("unavailable", "slow down");
  });
  const told = expect(failing).rejects.toThrow("slow down");
  await vi.runAllTimersAsync();
  await told;
  expect(attempts).toBe(4);
});

it("does not try again what does not pass", async () => {
  let attempts = 0;
  await expect(
    retried(undefined, async () => {
      attempts++;
      throw new SourceError("not_found", "gone");
    }),
  ).rejects.toThrow("gone");
  expect(attempts).toBe(1);
});

it("stops waiting when nobody wants it any more", async () => {
  const controller = new AbortController();
  const waiting = retried(controller.signal, async () => {
    throw new SourceError("unreachable", "no answer");
  });
  const told = expect(waiting).rejects.toMatchObject({ name: "AbortError" });
  await vi.advanceTimersByTimeAsync(10);
  controller.abort();
  await told;
});
