import type { eventWithTime } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import type { Fact } from "./entry.ts";
import { BOUNDS, readFact } from "./read.ts";

const AT = 1_700_000_000_000;

function check(tag: string, payload: unknown, expected: Partial<Fact>, atMs = AT): void {
  const event = { type: 5, timestamp: AT, data: { tag, payload } } as eventWithTime;
  const found = readFact(event);
  expect(found?.fact).toMatchObject(expected);
  expect(found?.atMs).toBe(atMs);
}

describe("readFact", () => {
  it("reads console lines", () => {
    check(
      "tapedeck.console",
      { level: "warn", args: ["a", { b: 1 }, 2] },
      {
        kind: "console",
        level: "warn",
        text: 'a {"b":1} 2',
      },
    );
  });

  it("puts a request at its start", () => {
    const payload = { method: "POST", url: "/pay", status: 502, started_ms: AT - 800, trace: "ab" };
    const expected = { kind: "request", status: 502, failure: "", trace: "ab" } as const;
    check("tapedeck.request", payload, expected, AT - 800);
  });

  it("tells a request without an answer from one with", () => {
    check("tapedeck.request", { url: "/x", failure: "network" }, { status: null } as Partial<Fact>);
  });

  it("puts a click where it was, though it is told later", () => {
    const payload = { at_ms: AT - 1_500, selector: "#pay", effects: [] };
    check("tapedeck.click", payload, { kind: "click", effects: [], effectMs: null }, AT - 1_500);
  });

  it("does not follow a forged moment", () => {
    check("tapedeck.click", { at_ms: 5 }, { kind: "click", effects: null });
    check("tapedeck.request", { started_ms: AT + 1 }, { kind: "request" });
  });

  it("reads an error with its causes", () => {
    const cause = { type: "RangeError", message: "deep", stack: "" };
    check(
      "tapedeck.error",
      {
        type: "TypeError",
        message: "x",
        causes: [cause, 7],
        frames: [{ function: "pay", file: "https://shop.example/a.js", line: 3 }, "no frame"],
      },
      {
        kind: "error",
        frames: [
          {
            function: "pay",
            file: "https://shop.example/a.js",
            line: 3,
            column: null,
            foreign: false,
          },
        ],
        type: "TypeError",
        handled: false,
        causes: [cause],
      },
    );
  });

  it("shows what it does not know as a custom event", () => {
    check(
      "shop.paid",
      { sum: 3 },
      { kind: "custom", name: "shop.paid", properties: [["sum", "3"]] },
    );
  });

  it("bears a payload of any shape, and bounds it", () => {
    for (const payload of [null, 7, "x", [1], { args: 7, causes: 7, properties: "x", level: {} }]) {
      for (const tag of ["session", "console", "request", "error", "click", "vital", "custom"])
        check(`tapedeck.${tag}`, payload, {});
    }
    const long = "x".repeat(100_000);
    check("tapedeck.error", { message: long, stack: long }, {
      message: long.slice(0, BOUNDS.text),
      stack: long.slice(0, BOUNDS.stack),
    } as Partial<Fact>);
    let deep: unknown = 1;
    for (let i = 0; i < 50_000; i++) deep = [deep];
    check("tapedeck.console", { args: [deep] }, { kind: "console" });
  });

  it("takes nothing from what rrweb knows itself", () => {
    expect(readFact({ type: 3, timestamp: AT, data: { source: 0 } } as eventWithTime)).toBeNull();
  });
});
