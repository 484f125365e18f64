import { afterEach, expect, test } from "vitest";
import { debugIds, framesOf } from "../src/capture/frames.js";

test.each([
  [
    "Chromium",
    `TypeError: x is undefined
    at Cart.add (https://shop.example/assets/app-1a2b.js:10:20)
    at async https://shop.example/main.js:3:4
    at new Foo (webpack:///src/foo.ts:5:6)
    at <anonymous>`,
  ],
  [
    "Firefox and WebKit",
    `Cart.add@https://shop.example/assets/app-1a2b.js:10:20
@https://shop.example/main.js:3:4
new Foo@webpack:///src/foo.ts:5:6
[native code]`,
  ],
])("frames as %s writes them", (_, stack) => {
  expect(framesOf(stack)).toEqual([
    {
      function: "Cart.add",
      file: "https://shop.example/assets/app-1a2b.js",
      line: 10,
      column: 20,
    },
    { function: undefined, file: "https://shop.example/main.js", line: 3, column: 4 },
    { function: "new Foo", file: "webpack:///src/foo.ts", line: 5, column: 6 },
  ]);
});

test("there are at most 50, and a hostile text takes no time", () => {
  expect(framesOf("at f (a.js:1:2)\n".repeat(200))).toHaveLength(50);
  const begun = performance.now();
  expect(framesOf(`at ${"a (".repeat(5_000)}`)).toEqual([]);
  expect(performance.now() - begun).toBeLessThan(1_000);
});

afterEach(() => {
  Reflect.deleteProperty(globalThis, "_sentryDebugIds");
});

test("debug ids are found by the file that left them", () => {
  Object.assign(globalThis, {
    _sentryDebugIds: {
      "Error\n    at https://shop.example/a.js:1:1\n    at https://shop.example/b.js:1:1": "id-a",
    },
  });
  expect([...debugIds()]).toEqual([["https://shop.example/a.js", "id-a"]]);
});
