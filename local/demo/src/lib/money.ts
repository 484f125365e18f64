const euros = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });

/** Returns an amount of whole cents as the shop writes it: `€1,234.50`. */
export const formatCents = (cents: number): string => euros.format(cents / 100);
