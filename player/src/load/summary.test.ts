import { readFileSync } from "node:fs";
import type { eventWithTime } from "@rrweb/types";
import { describe, expect, it } from "vitest";
import { type Summary, summarise } from "./summary.ts";

function check(...events: unknown[]): Summary {
  return summarise(events as eventWithTime[]);
}

const custom = (timestamp: number, tag: string, payload: unknown) => ({
  type: 5,
  timestamp,
  data: { tag, payload },
});
const meta = (timestamp: number, href = "https://shop.example/") => ({
  type: 4,
  timestamp,
  data: { href, width: 1, height: 1 },
});
const snapshot = (timestamp: number) => ({ type: 2, timestamp, data: {} });
const increment = (timestamp: number, source: number, type?: number) => ({
  type: 3,
  timestamp,
  data: { source, type },
});

describe("checkpoints", () => {
  it("are meta events that a full snapshot directly follows", () => {
    const events = [
      meta(1),
      snapshot(40),
      meta(50),
      increment(60, 0),
      snapshot(70),
      meta(80),
      snapshot(90),
    ];
    expect(check(...events).checkpoints).toEqual([
      [40, 0],
      [90, 5],
    ]);
  });

  it("are the first 64", () => {
    const events = Array.from({ length: 70 }, (_, n) => [meta(n), snapshot(n)]).flat();
    expect(check(...events).checkpoints).toHaveLength(64);
  });
});

describe("active", () => {
  it("is when the visitor moved, clicked, typed or came back", () => {
    expect(check(increment(3, 1), increment(4, 6)).active).toEqual([3, 4]);
    expect(check(increment(7, 5), increment(3, 2, 2)).active).toEqual([3, 7]);
    const visible = custom(7, "tapedeck.visibility", { state: "visible" });
    expect(check(custom(1, "tapedeck.session", {}), visible, increment(9, 0)).active).toEqual([
      1, 7,
    ]);
  });

  it("is not what a page does by itself", () => {
    const alone = [increment(1, 0), increment(2, 3), increment(3, 2, 5), increment(4, 2, 6)];
    const hidden = custom(5, "tapedeck.visibility", { state: "hidden" });
    expect(check(...alone, hidden).active).toBeUndefined();
  });
});

describe("opening", () => {
  it("is the session event's, or else the first meta event's url", () => {
    const session = custom(1, "tapedeck.session", {
      url: "https://shop.example/a",
      title: 7,
      tab: "t",
    });
    const later = custom(2, "tapedeck.session", { url: "https://shop.example/later" });
    expect(check(meta(1), session, later).opening).toEqual({
      url: "https://shop.example/a",
      tab: "t",
    });
    expect(check(meta(1, "https://shop.example/b"), meta(2)).opening).toEqual({
      url: "https://shop.example/b",
    });
  });
});

it("errors and navigations are listed with bounded text", () => {
  const summary = check(
    custom(5, "tapedeck.error", { type: "TypeError", message: "m".repeat(1000) }),
    custom(6, "tapedeck.error", null),
    custom(7, "tapedeck.navigation", { to: "/cart" }),
  );
  expect(summary.errors).toEqual([{ at_ms: 5, type: "TypeError", message: `${"m".repeat(299)}…` }]);
  expect(summary.navigations).toEqual([{ at_ms: 7, label: "/cart" }]);
  expect(summary).toMatchObject({ first_ms: 5, last_ms: 7, events: 3 });
});

/** The same vectors as the indexer's summary, as far as playing needs it. */
const vectors: { cases: { name: string; lines: string[]; summary: unknown }[] } = JSON.parse(
  readFileSync(new URL("../../../tests/vectors/summary.json", import.meta.url), "utf8"),
);

it.each(vectors.cases)("vector: $name", ({ lines, summary }) => {
  const { environment, ...found } = summarise(lines.map((line) => JSON.parse(line)));
  expect(found).toEqual(summary);
});
