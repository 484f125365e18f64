import { expect, it } from "vitest";
import { parseEdge } from "./access.ts";

it.each([
  ["https://replay.example/", "https://replay.example"],
  [" https://replay.example/tapedeck// ", "https://replay.example/tapedeck"],
  ["http://127.0.0.1:8787", "http://127.0.0.1:8787"],
  ["https://replay.example/?x=1#y", "https://replay.example"],
  ["https://user:secret@replay.example", null],
  ["javascript:alert(1)", null],
  ["replay.example", null],
  [7, null],
  [undefined, null],
])("the edge %o is %o", (value, edge) => {
  expect(parseEdge(value)).toBe(edge);
});
