import { describe, expect, it } from "vitest";
import { browserName, byteCount, clock, duration, lastOfPath, shortUrl } from "./format.ts";

it.each([
  [0, 0, "0:00"],
  [999, 5000, "0:00"],
  [61_000, 61_000, "1:01"],
  [61_000, 3_600_000, "0:01:01"],
  [3_661_000, 3_661_000, "1:01:01"],
  [-5, 10, "0:00"],
])("clock %i of %i is %s", (ms, ofMs, text) => {
  expect(clock(ms, ofMs)).toBe(text);
});

it.each([
  [0, "0 s"],
  [499, "0 s"],
  [65_000, "1 min 5 s"],
  [60_000, "1 min"],
  [3_600_000, "1 h"],
  [3_725_000, "1 h 2 min 5 s"],
])("duration %i is %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

describe("browserName", () => {
  it.each([
    [
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
      "Chrome 156 on Linux",
    ],
    [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
      "Edge 140 on Windows",
    ],
    [
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:153.0) Gecko/20100101 Firefox/153.0",
      "Firefox 153 on macOS",
    ],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
      "Safari 18 on iOS",
    ],
    [
      "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
      "Samsung Internet 27 on Android",
    ],
    ["curl/8.0", null],
  ])("%s", (userAgent, name) => {
    expect(browserName(userAgent)).toBe(name);
  });
});

it("a URL is shown without its scheme", () => {
  expect(shortUrl("https://shop.example/cart")).toBe("shop.example/cart");
});

it.each([
  ["https://shop.example/api/v2/orders?x=1", "/v2/orders?x=1"],
  ["/api", "/api"],
  ["https://shop.example", "/"],
])("of %s the end is %s", (url, end) => {
  expect(lastOfPath(url)).toBe(end);
});

it.each([
  [840, "840 B"],
  [52_110, "52 KB"],
  [3_400_000, "3.4 MB"],
])("%i bytes are %s", (count, text) => {
  expect(byteCount(count)).toBe(text);
});
