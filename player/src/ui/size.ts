/** How large the picture is: all of it in sight, as wide as there is room, or one pixel for one. */
export const SIZES = ["fit", "width", "real"] as const;
export type Size = (typeof SIZES)[number];

export const SIZE_NAMES: Record<Size, string> = {
  fit: "fit",
  width: "fit to width",
  real: "real size",
};

export function nextSize(size: Size): Size {
  return SIZES[(SIZES.indexOf(size) + 1) % SIZES.length] as Size;
}
