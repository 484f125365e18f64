import { describe, expect, it } from "vitest";
import type { Entry, Fact, Level } from "./entry.ts";
import { isTrouble, matching, ofKinds, ofLevels } from "./filter.ts";

const place = { id: "c:0", page: "aaaaaaaa", atMs: 0 };
const line = (level: Level, text: string): Entry => ({ ...place, kind: "console", level, text });
const request = (status: number | null, failure = ""): Entry => ({
  ...place,
  kind: "request",
  method: "GET",
  url: "https://shop.example/api/Orders",
  initiator: "fetch",
  status,
  failure,
  durationMs: 1,
  firstByteMs: null,
  bytes: null,
  trace: "feed",
});

describe("entries", () => {
  const entries = [line("error", "Boom"), line("log", "fine"), request(404)];

  it("are found by all words, in any case and order, also in what is not on the line", () => {
    expect(matching(entries, "")).toHaveLength(3);
    expect(matching(entries, "  BOOM error")).toEqual([entries[0]]);
    expect(matching(entries, "feed orders 404")).toEqual([entries[2]]);
    expect(matching(entries, "boom fine")).toEqual([]);
  });

  it("are found by kind and level", () => {
    expect(ofKinds(entries, ["request"])).toEqual([entries[2]]);
    expect(ofLevels(entries, new Set(["log"]))).toEqual([entries[1], entries[2]]);
  });

  it("tell trouble from the usual", () => {
    const click = { kind: "click", selector: "", role: "", text: "", effectMs: null } as const;
    const cases: [Fact & Partial<Entry>, boolean][] = [
      [line("error", ""), true],
      [line("warn", ""), false],
      [request(200), false],
      [request(null), false],
      [request(null, "network"), true],
      [request(500), true],
      [{ ...click, effects: [] }, true],
      [{ ...click, effects: null }, false],
      [{ ...click, effects: ["mutation"] }, false],
    ];
    for (const [fact, expected] of cases)
      expect(isTrouble({ ...place, ...fact } as Entry), JSON.stringify(fact)).toBe(expected);
  });
});
