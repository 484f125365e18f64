import { expect, test } from "vitest";
import { type Route, routeOf } from "./route.ts";

test.each<[path: string, route: Route]>([
  ["/", { page: "home" }],
  ["/product/moon-jar", { page: "product", slug: "moon-jar" }],
  ["/product/moon%20jar/", { page: "product", slug: "moon jar" }],
  ["/product", { page: "missing" }],
  ["/product/", { page: "missing" }],
  ["/product/a/b", { page: "missing" }],
  ["/product/%", { page: "missing" }],
  ["/cart", { page: "cart" }],
  ["/cart/", { page: "cart" }],
  ["/cart/x", { page: "missing" }],
  ["/checkout", { page: "checkout" }],
  ["/thanks/W-1042", { page: "thanks", order: "W-1042" }],
  ["/orders", { page: "orders" }],
  ["/lab", { page: "lab" }],
  ["/nowhere", { page: "missing" }],
])("%s", (path, expected) => {
  expect(routeOf(path)).toEqual(expected);
});
