import { expect, test } from "vitest";
import { maskText, maskUrl, maskUrlsIn } from "../src/mask.js";

test("text keeps its length", () => {
  expect(maskText("4111 1111")).toBe("*********");
  expect(maskText("")).toBe("");
});

test.each([
  ["https://shop.example/cart", "https://shop.example/cart"],
  ["https://shop.example/?q=shoes&page=2", "https://shop.example/?q=*****&page=*"],
  ["https://shop.example/?token", "https://shop.example/?*****"],
  ["https://shop.example/?a=b=c&&d=", "https://shop.example/?a=***&&d="],
  ["https://user:secret@shop.example/a", "https://shop.example/a"],
  ["https://shop.example/a#section", "https://shop.example/a"],
  ["https://shop.example/#/cart", "https://shop.example/#/cart"],
  ["https://shop.example/#!/reset?token=abc", "https://shop.example/#!/reset?token=***"],
  ["https://shop.example/#access_token=abc", "https://shop.example/"],
  ["http://localhost:5173/?q=ü", "http://localhost:5173/?q=******"],
  ["chrome-extension://abcdef/x.js?y=1", "chrome-extension://abcdef/x.js?y=*"],
  ["data:text/html,secret", "data:"],
  ["javascript:secret()", "javascript:"],
  ["about:blank", "about:blank"],
  ["/relative?q=1#x", "/relative"],
  ["", ""],
])("%s becomes %s", (url, masked) => {
  expect(maskUrl(url)).toBe(masked);
});

test("a stack's URLs are masked, and keep line and column", () => {
  const stack =
    "TypeError: x\n    at f (https://shop.example/reset?token=abc:10:5)\n    at https://shop.example/app.js:1:200";
  expect(maskUrlsIn(stack)).toBe(
    "TypeError: x\n    at f (https://shop.example/reset?token=***:10:5)\n    at https://shop.example/app.js:1:200",
  );
  expect(maskUrlsIn("no address here: a/b?c=d")).toBe("no address here: a/b?c=d");
});
