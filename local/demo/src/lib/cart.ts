import type { Product } from "./catalogue.ts";

/** At most this many of one piece: we make them by hand. */
export const QUANTITY_MAX = 12;

/** How many of each product, by slug, in the order they were added. Quantities are 1 to `QUANTITY_MAX`. */
export type Cart = readonly { readonly slug: string; readonly quantity: number }[];

/** Returns the cart with this many of a product: at most `QUANTITY_MAX`, and without it at 0 or less. */
export function withQuantity(cart: Cart, slug: string, quantity: number): Cart {
  const kept = Math.min(Math.trunc(quantity), QUANTITY_MAX);
  if (kept <= 0) return cart.filter((line) => line.slug !== slug);
  const line = { slug, quantity: kept };
  return cart.some((other) => other.slug === slug)
    ? cart.map((other) => (other.slug === slug ? line : other))
    : [...cart, line];
}

export const quantityOf = (cart: Cart, slug: string): number =>
  cart.find((line) => line.slug === slug)?.quantity ?? 0;

/** Returns the cart with one more of a product, or the same when there are as many as may be. */
export const withOneMore = (cart: Cart, slug: string): Cart =>
  withQuantity(cart, slug, quantityOf(cart, slug) + 1);

export const countOf = (cart: Cart): number => cart.reduce((sum, line) => sum + line.quantity, 0);

export interface Line {
  product: Product;
  quantity: number;
  totalCents: number;
}

/** Returns the cart's lines with their products; what the catalogue no longer has is left out. */
export function linesOf(cart: Cart, products: readonly Product[]): Line[] {
  return cart.flatMap(({ slug, quantity }) => {
    const product = products.find((candidate) => candidate.slug === slug);
    return product ? [{ product, quantity, totalCents: product.priceCents * quantity }] : [];
  });
}

export const totalCents = (lines: readonly Line[]): number =>
  lines.reduce((sum, line) => sum + line.totalCents, 0);

/** Returns the cart that `JSON.stringify` wrote, or an empty one when the text is anything else. */
export function parseCart(text: string | null): Cart {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "[]");
  } catch {
    // Storage belongs to the visitor, who may put anything there; a cart that cannot be read is an empty one.
    return [];
  }
  if (!Array.isArray(value)) return [];
  return value.reduce<Cart>((cart, line) => {
    const { slug, quantity } = (line ?? {}) as { slug?: unknown; quantity?: unknown };
    return typeof slug === "string" && typeof quantity === "number" && Number.isFinite(quantity)
      ? withQuantity(cart, slug, quantity)
      : cart;
  }, []);
}
