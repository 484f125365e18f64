import { describe, expect, it } from "vitest";
import { type Action, actionOf, BINDINGS } from "./keys.ts";

function check(key: string, expected: Action | null, held: object = {}): void {
  const event = { key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...held };
  expect(actionOf(event)).toEqual(expected);
}

describe("keys", () => {
  it("do what the help says", () => {
    check(" ", { name: "toggle" });
    check("K", { name: "toggle" });
    check("7", { name: "part", tenths: 7 });
    check("ArrowRight", { name: "seek", ms: 5_000 });
    check("ArrowRight", { name: "seek", ms: 30_000 }, { shiftKey: true });
    check("E", { name: "error", direction: -1 }, { shiftKey: true });
    check("E", { name: "error", direction: 1 });
    check("?", { name: "help" }, { shiftKey: true });
    check("x", null);
  });

  it("leave the browser's own alone", () => {
    for (const held of ["ctrlKey", "metaKey", "altKey"]) check("f", null, { [held]: true });
  });

  it("have one meaning each, and all stand in the help", () => {
    const names = BINDINGS.flatMap(({ actions }) => Object.keys(actions));
    expect(new Set(names).size).toBe(names.length);
    expect(BINDINGS.every(({ keys, does }) => keys.length > 0 && does !== "")).toBe(true);
  });
});
