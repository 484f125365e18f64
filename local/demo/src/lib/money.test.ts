import { expect, test } from "vitest";
import { formatCents } from "./money.ts";

test.each([
  [0, "€0.00"],
  [5, "€0.05"],
  [2800, "€28.00"],
  [123450, "€1,234.50"],
])("%i cents is %s", (cents, expected) => {
  expect(formatCents(cents)).toBe(expected);
});
