/** One product, as `public/products.json` has it. Its picture is `/products/{slug}.svg`. */
export interface Product {
  slug: string;
  name: string;
  category: string;
  priceCents: number;
  size: string;
  glaze: string;
  description: string;
}

export type Order = "featured" | "cheapest" | "dearest" | "name";

export interface Query {
  /** Words that must all occur in a product's name, category, glaze or description; case is ignored. */
  text: string;
  /** One category, or undefined for all. */
  category: string | undefined;
  order: Order;
}

export const pictureOf = (product: Product): string => `/products/${product.slug}.svg`;

/** Returns the categories in the order in which they first occur. */
export const categoriesOf = (products: readonly Product[]): string[] => [
  ...new Set(products.map((product) => product.category)),
];

/** Returns the products that match, in the order asked for; `featured` is the catalogue's own. */
export function search(products: readonly Product[], query: Query): Product[] {
  const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = products.filter((product) => {
    if (query.category !== undefined && product.category !== query.category) return false;
    const text =
      `${product.name} ${product.category} ${product.glaze} ${product.description}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  switch (query.order) {
    case "featured":
      return found;
    case "cheapest":
      return found.sort((a, b) => a.priceCents - b.priceCents);
    case "dearest":
      return found.sort((a, b) => b.priceCents - a.priceCents);
    case "name":
      return found.sort((a, b) => a.name.localeCompare(b.name, "en"));
  }
}

/**
 * Returns the products at these places of the catalogue, counted around it as often as needed, without `except` and
 * without repeats.
 */
export function pick(
  products: readonly Product[],
  places: readonly number[],
  except: string | undefined,
): Product[] {
  const picked = new Set<Product>();
  for (const place of places) {
    const product = products[place % products.length];
    if (product && product.slug !== except) picked.add(product);
  }
  return [...picked];
}
