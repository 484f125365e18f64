import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { pieces } from "../../art/pieces.ts";
import { categoriesOf, type Order, type Product, pick, search } from "./catalogue.ts";

const folder = new URL("../../public/", import.meta.url);
const products: Product[] = JSON.parse(readFileSync(new URL("products.json", folder), "utf8"));

describe("search", () => {
  const find = (text: string, category?: string, order: Order = "featured") =>
    search(products, { text, category, order }).map((product) => product.slug);

  test("nothing typed finds everything", () => {
    expect(find("  ")).toEqual(products.map((product) => product.slug));
  });
  test("every word must occur, in any case and order", () => {
    expect(find("MUG cobalt")).toEqual(["harbour-mug"]);
    expect(find("mug nothing-like-it")).toEqual([]);
  });
  test("a category narrows it", () => {
    expect(find("chalk", "Vases")).toEqual(["moon-jar", "checker-vase"]);
  });
  test("order", () => {
    expect(find("", "Cups", "cheapest")[0]).toBe("espresso-cup");
    expect(find("", "Cups", "dearest")[0]).toBe("harbour-mug");
    expect(find("", "Cups", "name")[0]).toBe("espresso-cup");
  });
});

describe("pick", () => {
  const slugs = (places: number[], except?: string) =>
    pick(products, places, except).map((product) => product.slug);

  test("counts around, without repeats", () => {
    expect(slugs([1, products.length + 1, products.length])).toEqual(["polka-mug", "harbour-mug"]);
  });
  test("leaves out what is being looked at", () => {
    expect(slugs([0, 1], "polka-mug")).toEqual(["harbour-mug"]);
  });
  test("an empty catalogue has nothing to pick", () => {
    expect(pick([], [0, 1], undefined)).toEqual([]);
  });
});

describe("the catalogue", () => {
  test("every product is drawn, and everything drawn is sold", () => {
    expect(products.map((product) => product.slug)).toEqual(pieces.map((piece) => piece.slug));
    for (const { slug } of products) {
      expect(existsSync(new URL(`products/${slug}.svg`, folder)), slug).toBe(true);
    }
  });
  test("its categories", () => {
    expect(categoriesOf(products)).toEqual([
      "Cups",
      "Bowls and plates",
      "Vases",
      "Home",
      "Tableware",
    ]);
  });
});
