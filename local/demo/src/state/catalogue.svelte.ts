import { ApiError, explain } from "../lib/api.ts";
import type { Product } from "../lib/catalogue.ts";

type Loaded =
  | { status: "loading" }
  | { status: "failed"; why: string }
  | { status: "loaded"; products: Product[] };

/** The products, once they are here. */
class Catalogue {
  state: Loaded = $state.raw({ status: "loading" });

  get products(): readonly Product[] {
    return this.state.status === "loaded" ? this.state.products : [];
  }

  async load(): Promise<void> {
    this.state = { status: "loading" };
    try {
      const response = await fetch("/products.json");
      if (!response.ok) throw new ApiError("/products.json", response.status);
      this.state = { status: "loaded", products: (await response.json()) as Product[] };
    } catch (error) {
      this.state = { status: "failed", why: explain(error) };
    }
  }
}

export const catalogue = new Catalogue();
