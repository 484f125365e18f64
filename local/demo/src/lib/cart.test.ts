import { describe, expect, test } from "vitest";
import {
  type Cart,
  countOf,
  linesOf,
  parseCart,
  QUANTITY_MAX,
  totalCents,
  withOneMore,
  withQuantity,
} from "./cart.ts";
import type { Product } from "./catalogue.ts";

const cart: Cart = [
  { slug: "mug", quantity: 2 },
  { slug: "jar", quantity: 1 },
];
const product = (slug: string, priceCents: number): Product => ({
  slug,
  priceCents,
  name: slug,
  category: "",
  size: "",
  glaze: "",
  description: "",
});

describe("quantities", () => {
  test("one more of something new goes last", () => {
    expect(withOneMore(cart, "vase").map((line) => line.slug)).toEqual(["mug", "jar", "vase"]);
  });
  test("one more of something there keeps its place", () => {
    expect(withOneMore(cart, "mug")).toEqual([
      { slug: "mug", quantity: 3 },
      { slug: "jar", quantity: 1 },
    ]);
  });
  test("never more than may be bought", () => {
    const full = withQuantity(cart, "mug", QUANTITY_MAX);
    expect(withOneMore(full, "mug")).toEqual(full);
    expect(withQuantity(cart, "mug", QUANTITY_MAX + 1)).toEqual(full);
  });
  test.each([0, -1])("%i removes the line", (quantity) => {
    expect(withQuantity(cart, "mug", quantity)).toEqual([{ slug: "jar", quantity: 1 }]);
  });
  test("the count is over all lines", () => {
    expect(countOf(cart)).toBe(3);
    expect(countOf([])).toBe(0);
  });
});

test("totals are of what the catalogue still has", () => {
  const lines = linesOf(cart, [product("mug", 2850)]);
  expect(lines).toMatchObject([{ quantity: 2, totalCents: 5700 }]);
  expect(totalCents(lines)).toBe(5700);
  expect(totalCents([])).toBe(0);
});

describe("parseCart", () => {
  test("reads what was written", () => {
    expect(parseCart(JSON.stringify(cart))).toEqual(cart);
  });
  test.each([
    null,
    "",
    "{",
    "{}",
    "null",
    "[null]",
    '[{"slug":1,"quantity":1}]',
    '[{"slug":"mug","quantity":"2"}]',
    '[{"slug":"mug","quantity":0}]',
  ])("%j is an empty cart", (text) => {
    expect(parseCart(text)).toEqual([]);
  });
  test("bounds what it reads", () => {
    expect(parseCart('[{"slug":"mug","quantity":1e9}]')).toEqual([
      { slug: "mug", quantity: QUANTITY_MAX },
    ]);
  });
});
