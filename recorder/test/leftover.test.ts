import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { CHARS_MAX, noteLeftover, STORAGE_KEY, takeLeftover } from "../src/leftover.js";
import { SafeStorage } from "../src/storage.js";
import { brokenStorage, memoryStorage } from "./storage.js";

const body = (bytes: number) => new Uint8Array(randomBytes(bytes));

test("what is noted is there once, byte for byte and in order", () => {
  const storage = new SafeStorage(memoryStorage);
  const browser = memoryStorage();
  const kept = new SafeStorage(() => browser);
  const bodies = [body(1), body(20_000), body(3)];
  noteLeftover(kept, bodies);
  expect(takeLeftover(new SafeStorage(() => browser))).toEqual(bodies);
  expect(takeLeftover(kept)).toEqual([]);
  expect(takeLeftover(storage)).toEqual([]);
});

test("it is bounded, and the oldest come first", () => {
  const browser = memoryStorage();
  const bodies = [body(300_000), body(300_000), body(300_000)];
  noteLeftover(new SafeStorage(() => browser), bodies);
  expect(browser.getItem(STORAGE_KEY)?.length).toBeLessThanOrEqual(CHARS_MAX);
  expect(takeLeftover(new SafeStorage(() => browser))).toEqual(bodies.slice(0, 2));
});

test("what somebody else wrote there is nothing, and a storage that refuses is no obstacle", () => {
  const browser = memoryStorage();
  browser.setItem(STORAGE_KEY, "{ü}");
  expect(takeLeftover(new SafeStorage(() => browser))).toEqual([]);
  expect(() => noteLeftover(new SafeStorage(brokenStorage("full")), [body(3)])).not.toThrow();
});
