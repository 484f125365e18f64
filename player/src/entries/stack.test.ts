import { describe, expect, it } from "vitest";
import { framesOf } from "./stack.ts";

function check(stack: string, expected: [string, string, number | null, number | null][]): void {
  expect(
    framesOf(stack).map((frame) => [frame.function, frame.file, frame.line, frame.column]),
  ).toEqual(expected);
}

describe("framesOf", () => {
  it("reads Chromium's", () => {
    check(
      "TypeError: x\n    at pay (https://a.example/app.js:10:5)\n    at https://a.example/app.js:2:1",
      [
        ["pay", "https://a.example/app.js", 10, 5],
        ["", "https://a.example/app.js", 2, 1],
      ],
    );
  });

  it("reads Firefox's and Safari's", () => {
    check("pay@https://a.example/app.js:10:5\n@https://a.example/app.js:2:1", [
      ["pay", "https://a.example/app.js", 10, 5],
      ["", "https://a.example/app.js", 2, 1],
    ]);
  });

  it("tells an extension's frames", () => {
    expect(framesOf("Error\n    at f (chrome-extension://abc/x.js:1:1)")[0]?.foreign).toBe(true);
  });

  it("has none of what is no stack", () => {
    check("", []);
    check("nothing to see\nhere", []);
  });
});
