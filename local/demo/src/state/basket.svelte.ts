import * as carts from "../lib/cart.ts";

const STORAGE_KEY = "wheelhouse.cart";

/** The visitor's cart, kept in the browser and the same in all its tabs. */
class Basket {
  cart: carts.Cart = $state.raw(carts.parseCart(localStorage.getItem(STORAGE_KEY)));
  readonly count = $derived(carts.countOf(this.cart));

  constructor() {
    addEventListener("storage", (event) => {
      if (event.key === STORAGE_KEY) this.cart = carts.parseCart(event.newValue);
    });
  }

  add(slug: string): void {
    this.#keep(carts.withOneMore(this.cart, slug));
  }

  setQuantity(slug: string, quantity: number): void {
    this.#keep(carts.withQuantity(this.cart, slug, quantity));
  }

  empty(): void {
    this.#keep([]);
  }

  #keep(cart: carts.Cart): void {
    this.cart = cart;
    localStorage.setItem(STORAGE_KEY, JSON.stringify(cart));
  }
}

export const basket = new Basket();
