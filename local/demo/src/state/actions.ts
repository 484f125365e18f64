import { QUANTITY_MAX, quantityOf } from "../lib/cart.ts";
import type { Product } from "../lib/catalogue.ts";
import { basket } from "./basket.svelte.ts";
import { toasts } from "./toasts.svelte.ts";

/** Puts one more into the cart, and says so. */
export function addToCart(product: Product): void {
  if (quantityOf(basket.cart, product.slug) >= QUANTITY_MAX) {
    toasts.show(
      `You have all ${QUANTITY_MAX} of the ${product.name.toLowerCase()} that we can make.`,
    );
    return;
  }
  basket.add(product.slug);
  toasts.show(`${product.name} is in your cart.`, { href: "/cart", text: "See the cart" });
}
