import { describe, expect, it } from "vitest";
import type { Entry } from "../entries/entry.ts";
import { pressed } from "./presses.ts";

const click = (atMs: number, effects: string[] | null): Entry => ({
  id: `c:${atMs}`,
  page: "a",
  atMs,
  kind: "click",
  selector: "",
  role: "",
  text: "",
  effects,
  effectMs: null,
});
const press = (atMs: number, x = 100, y = 100) => ({ atMs, x, y });

function check(presses: ReturnType<typeof press>[], entries: Entry[], expected: string[]): void {
  expect(pressed(presses, entries).map(({ look }) => look)).toEqual(expected);
}

describe("pressed", () => {
  it("is dead if nothing came of it, and a click if something did or nobody knows", () => {
    const entries = [click(1_010, []), click(5_000, ["mutation"]), click(9_000, null)];
    const presses = [press(1_000), press(5_000), press(9_000), press(20_000)];
    check(presses, entries, ["dead", "click", "click", "click"]);
  });

  it("is rage from three at one place within a second, dead or not", () => {
    check([press(0), press(400), press(900)], [click(0, [])], ["rage", "rage", "rage"]);
    expect(pressed([press(0), press(400), press(900)], []).map(({ times }) => times)).toEqual([
      1, 2, 3,
    ]);
  });

  it("is not rage over a longer time, or at several places", () => {
    check([press(0), press(600), press(1_200)], [], ["click", "click", "click"]);
    check([press(0), press(100, 131), press(200)], [], ["click", "click", "click"]);
  });
});
