import { expect, it } from "vitest";
import { parseTraceTemplate, traceUrl } from "./trace.ts";

const id = "0af7651916cd43dd8448eb211c80319c";

it("a trace's page is the template's with the id", () => {
  expect(traceUrl("https://traces.example/t/{trace}?x={trace}", id)).toBe(
    `https://traces.example/t/${id}?x=${id}`,
  );
});

it.each(["", "a/../b", "javascript:alert(1)", "x".repeat(65)])("%s is no trace", (trace) => {
  expect(traceUrl("https://traces.example/{trace}", trace)).toBeNull();
});

it.each([
  ["https://traces.example/{trace}", true],
  ["https://traces.example/", false],
  ["javascript:alert('{trace}')", false],
  ["{trace}", false],
  [7, false],
])("%s is a template: %s", (value, is) => {
  expect(parseTraceTemplate(value)).toBe(is ? value : null);
});
