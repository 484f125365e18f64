import { expect, it } from "vitest";
import { fragmentOf, parseCommand } from "./messages.ts";

it.each([
  [{ tapedeck: 1, type: "play", more: 1 }, { type: "play" }],
  [
    { tapedeck: 1, type: "load", link: "#/play?tape=x" },
    { type: "load", link: "#/play?tape=x" },
  ],
  [
    { tapedeck: 1, type: "seek", time_ms: 5 },
    { type: "seek", time_ms: 5 },
  ],
  [{ tapedeck: 1, type: "seek", time_ms: Number.NaN }, null],
  [{ tapedeck: 1, type: "seek", time_ms: "5" }, null],
  [{ tapedeck: 1, type: "speed", speed: 1e9 }, null],
  [
    { tapedeck: 1, type: "speed", speed: 4 },
    { type: "speed", speed: 4 },
  ],
  [{ tapedeck: 2, type: "play" }, null],
  [{ tapedeck: 1, type: "eval" }, null],
  [{ type: "play" }, null],
  ["play", null],
  [null, null],
])("%j is %j", (data, expected) => expect(parseCommand(data)).toEqual(expected));

it("takes the fragment of a link", () => {
  expect(fragmentOf("https://replay.example/#/play?tape=x#y")).toBe("#/play?tape=x#y");
  expect(fragmentOf("https://replay.example/")).toBe("");
});
