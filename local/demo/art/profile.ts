/** A point of a vessel's right-hand outline: `r` is its distance from the axis at height `y`, both in SVG units. */
export interface ProfilePoint {
  y: number;
  r: number;
}

/** A vessel's outline, from the rim down to the foot: at least two points, `y` growing. */
export type Profile = readonly [ProfilePoint, ...ProfilePoint[], ProfilePoint];

/** Rounds to a tenth, which is finer than a pixel of any screen and keeps the files small. */
export const round = (value: number): number => Math.round(value * 10) / 10;

export const rimOf = (profile: Profile): ProfilePoint => profile[0];
export const footOf = (profile: Profile): ProfilePoint =>
  profile[profile.length - 1] as ProfilePoint;

/** Returns the radius at height `y`, between the points on a straight line, and beyond the ends as at the ends. */
export function radiusAt(profile: Profile, y: number): number {
  let above = rimOf(profile);
  for (const below of profile) {
    if (y <= below.y) {
      const span = below.y - above.y;
      return span <= 0 ? below.r : above.r + ((below.r - above.r) * (y - above.y)) / span;
    }
    above = below;
  }
  return above.r;
}

/** Returns the path of the whole silhouette: rim, right side, the near half of the foot, left side. */
export function silhouette(profile: Profile, axis: number, tilt: number): string {
  const rim = rimOf(profile);
  const foot = footOf(profile);
  const right = profile.map(({ y, r }) => [axis + r, y] as const);
  const left = profile.map(({ y, r }) => [axis - r, y] as const).reverse();
  return [
    `M${round(axis - rim.r)} ${rim.y}`,
    `A${rim.r} ${round(rim.r * tilt)} 0 0 1 ${round(axis + rim.r)} ${rim.y}`,
    smooth(right),
    `A${foot.r} ${round(foot.r * tilt)} 0 0 1 ${round(axis - foot.r)} ${foot.y}`,
    smooth(left),
    "Z",
  ].join("");
}

/** Returns the curve through all points after the first (Catmull-Rom, as cubic Béziers); the pen is at the first. */
function smooth(points: readonly (readonly [number, number])[]): string {
  const at = (i: number) =>
    points[Math.min(points.length - 1, Math.max(0, i))] as readonly [number, number];
  let path = "";
  for (let i = 0; i < points.length - 1; i++) {
    const [x0, y0] = at(i - 1);
    const [x1, y1] = at(i);
    const [x2, y2] = at(i + 1);
    const [x3, y3] = at(i + 2);
    path += `C${round(x1 + (x2 - x0) / 6)} ${round(y1 + (y2 - y0) / 6)} ${round(x2 - (x3 - x1) / 6)} ${round(y2 - (y3 - y1) / 6)} ${round(x2)} ${round(y2)}`;
  }
  return path;
}

/** Returns the path of the near half of the ring that goes around the vessel at height `y`, left to right. */
export function ring(profile: Profile, axis: number, tilt: number, y: number): string {
  const r = round(radiusAt(profile, y));
  return `M${round(axis - r)} ${round(y)}A${r} ${round(r * tilt)} 0 0 0 ${round(axis + r)} ${round(y)}`;
}
