import { expect, test } from "vitest";
import { fitsAny } from "../src/options.js";

test.each([
  ["/account", "/account", true],
  ["/account", "/account/orders", false],
  ["/account/*", "/account/orders/7", true],
  ["/*/private", "/shop/private", true],
  ["/*/private", "/shop/private/7", false],
  ["*", "", true],
  ["/a.b", "/axb", false],
  ["/(a)+[b]$", "/(a)+[b]$", true],
])("%s and %s: %s", (pattern, text, fits) => {
  expect(fitsAny([pattern], text)).toBe(fits);
});

test("no patterns fit nothing", () => {
  expect(fitsAny(undefined, "/")).toBe(false);
  expect(fitsAny([], "/")).toBe(false);
});
