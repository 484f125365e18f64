/**
 * Draws the shop's product pictures: one SVG per piece, `public/products/{slug}.svg`.
 *
 * The pictures are files, so that the shop loads them over HTTP as a real shop does; they are drawn by this program,
 * so that they are ours to ship. The same input gives the same bytes. Run it with `npm run art`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { seeded } from "../src/lib/random.ts";
import { type Piece, pieces } from "./pieces.ts";
import { footOf, radiusAt, rimOf, ring, round, silhouette } from "./profile.ts";

const SIZE = 720;
/** The vertical line that every vessel is turned around. */
const AXIS = SIZE / 2;

function draw(piece: Piece): string {
  const { profile, tilt, backdrop, clay, frame = SIZE } = piece;
  const foot = footOf(profile);
  const rim = rimOf(profile);
  const widest = Math.max(...profile.map((point) => point.r));
  const outline = silhouette(profile, AXIS, tilt);
  const across = (
    id: string,
    r: number,
    stops: [offset: number, colour: string, opacity: number][],
  ) =>
    `<linearGradient id="${id}" x1="${AXIS - r}" x2="${AXIS + r}" y1="0" y2="0" gradientUnits="userSpaceOnUse">${stops
      .map(([o, colour, a]) => `<stop offset="${o}" stop-color="${colour}" stop-opacity="${a}"/>`)
      .join("")}</linearGradient>`;

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${round(AXIS - frame / 2)} ${round(foot.y - frame * 0.78)} ${frame} ${frame}">
<title>${piece.slug.replaceAll("-", " ")}</title>
<defs>
<clipPath id="body"><path d="${outline}"/></clipPath>
${across("round", widest, [
  [0, "#000", 0.16],
  [0.22, "#fff", 0.3],
  [0.4, "#fff", 0],
  [0.55, "#000", 0],
  [0.88, "#000", 0.34],
  [1, "#000", 0.24],
])}
${across("inside", rim.r, [
  [0, "#000", 0.46],
  [0.6, "#000", 0.2],
  [1, "#fff", 0.14],
])}
<radialGradient id="shadow"><stop offset=".4" stop-opacity=".4"/><stop offset="1" stop-opacity="0"/></radialGradient>
</defs>
<rect y="-${SIZE}" width="${SIZE}" height="${3 * SIZE}" fill="${backdrop}"/>
<rect y="${round(foot.y - frame * 0.12)}" width="${SIZE}" height="${SIZE}" fill="#000" fill-opacity=".07"/>
<ellipse cx="${round(AXIS + foot.r * 0.5)}" cy="${round(foot.y + foot.r * tilt * 0.5)}" rx="${round(foot.r * 1.1 + widest * 0.45)}" ry="${round(foot.r * tilt * 1.1 + 16)}" fill="url(#shadow)"/>
${coloured(piece.behind ?? "", piece)}
<path d="${outline}" fill="${clay}"/>
<g clip-path="url(#body)">
${glaze(piece)}
${decoration(piece)}
${speckles(piece)}
<path d="${outline}" fill="url(#round)"/>
</g>
${piece.top === "lid" ? lid(piece) : opening(piece)}
${coloured(piece.front ?? "", piece)}
</svg>
`.replaceAll(/\n+/g, "\n");
}

const coloured = (svg: string, piece: Piece) =>
  svg.replaceAll("{glaze}", piece.glaze).replaceAll("{clay}", piece.clay);

/** The glaze: from the rim down to a line that ran a little in the kiln. */
function glaze({ slug, glaze, glazeTo, profile, tilt }: Piece): string {
  const random = seeded(slug);
  const ringed = radiusAt(profile, glazeTo);
  const r = Math.max(...profile.map((point) => point.r)) + 30;
  const steps = Math.round(r / 14);
  const width = (2 * r) / steps;
  let line = "";
  for (let i = 0; i < steps; i++) {
    const x = AXIS - r + i * width;
    const off = Math.min(1, Math.abs(x + width / 2 - AXIS) / ringed);
    const sag = Math.sqrt(1 - off ** 2) * ringed * tilt;
    const y = glazeTo + sag;
    const drop = 4 + random() * 22;
    line += `S${round(x + width * 0.2)} ${round(y + drop)} ${round(x + width * 0.5)} ${round(y + drop)}S${round(x + width * 0.8)} ${round(y)} ${round(x + width)} ${round(y)}`;
  }
  return `<path d="M${round(AXIS - r)} 0V${glazeTo}${line}V0Z" fill="${glaze}"/>`;
}

function decoration({ profile, tilt, pattern, ink, slug }: Piece): string {
  const top = rimOf(profile).y;
  const height = footOf(profile).y - top;
  const band = (at: number, width: number) =>
    `<path d="${ring(profile, AXIS, tilt, top + height * at)}" fill="none" stroke="${ink}" stroke-width="${width}"/>`;
  /** Marks the near side at a height; `narrow` is how much of a mark's width is left where the body turns away. */
  const around = (
    at: number,
    count: number,
    shift: number,
    mark: (x: number, y: number, narrow: number) => string,
  ) => {
    const y = top + height * at;
    const r = radiusAt(profile, y);
    return Array.from({ length: count }, (_, i) => {
      const angle = ((i + shift) / count) * Math.PI;
      return mark(AXIS - r * Math.cos(angle), y + r * tilt * Math.sin(angle), Math.sin(angle));
    }).join("");
  };

  switch (pattern) {
    case "plain":
      return "";
    case "bands":
      return band(0.26, 7) + band(0.36, 26) + band(0.46, 7);
    case "stripes":
      return Array.from({ length: 9 }, (_, i) => band(0.1 + i * 0.08, 9)).join("");
    case "dots":
      return [0.1, 0.24, 0.38, 0.52]
        .map((at, row) =>
          around(
            at,
            11,
            row % 2 ? 0 : 0.5,
            (x, y, narrow) =>
              `<ellipse cx="${round(x)}" cy="${round(y)}" rx="${round(10 * narrow)}" ry="10" fill="${ink}"/>`,
          ),
        )
        .join("");
    case "flutes":
      return around(0, 17, 0.5, (x, _, narrow) => {
        const fan = radiusAt(profile, top + height * 0.7) / rimOf(profile).r;
        return `<path d="M${round(x)} ${top}C${round(AXIS + (x - AXIS) * fan)} ${round(top + height * 0.45)} ${round(AXIS + (x - AXIS) * fan)} ${round(top + height * 0.6)} ${round(AXIS + (x - AXIS) * fan)} ${top + height + 60}" fill="none" stroke="${ink}" stroke-width="${round(1 + 8 * narrow)}" stroke-opacity=".4"/>`;
      });
    case "checks":
      return [0.1, 0.2, 0.3, 0.4, 0.5]
        .map((at, row) =>
          around(at, 11, row % 2 ? 0 : 0.5, (x, y, narrow) => {
            const width = ((Math.PI * radiusAt(profile, y)) / 22) * narrow;
            return `<rect x="${round(x - width / 2)}" y="${round(y)}" width="${round(width)}" height="${round(height * 0.1)}" fill="${ink}"/>`;
          }),
        )
        .join("");
    case "brush": {
      const random = seeded(`${slug} brush`);
      return around(0.18, 7, 0.5, (x, y, narrow) => {
        const lean = round((random() - 0.5) * 40);
        return `<path d="M${round(x)} ${round(y)}q${lean} ${round(height * 0.16)} ${round(lean / 2)} ${round(height * 0.34)}" fill="none" stroke="${ink}" stroke-linecap="round" stroke-width="${round(4 + 16 * narrow)}"/>`;
      });
    }
    case "waves":
      return [0.14, 0.27, 0.4, 0.53]
        .map((at) => {
          const y = top + height * at;
          const r = radiusAt(profile, y);
          const points = Array.from({ length: 61 }, (_, i) => {
            const angle = (i / 60) * Math.PI;
            const crest = 8 * Math.sin(i * 1.05);
            return `${round(AXIS - r * Math.cos(angle))} ${round(y + r * tilt * Math.sin(angle) + crest)}`;
          });
          return `<polyline points="${points.join(" ")}" fill="none" stroke="${ink}" stroke-width="7" stroke-linejoin="round"/>`;
        })
        .join("");
  }
}

/** Iron spots, as in stoneware: more where the body faces us. */
function speckles({ slug, profile }: Piece): string {
  const random = seeded(`${slug} speckles`);
  const top = rimOf(profile).y;
  const height = footOf(profile).y - top;
  return Array.from({ length: 70 }, () => {
    const y = top + random() * (height + 30);
    const x = AXIS + (random() + random() - 1) * radiusAt(profile, y);
    return `<circle cx="${round(x)}" cy="${round(y)}" r="${round(0.8 + random() ** 3 * 2.6)}" fill="#2a1c12" fill-opacity=".38"/>`;
  }).join("");
}

/** The rim and what is seen of the inside. */
function opening({ profile, tilt, glaze, clay, ink, slug }: Piece): string {
  const { y, r } = rimOf(profile);
  const lip = Math.max(5, r * 0.045);
  const inner = r - lip;
  const ry = r * tilt;
  const ellipse = (rx: number, radiusY: number, cy: number, paint: string) =>
    `<ellipse cx="${AXIS}" cy="${round(cy)}" rx="${round(rx)}" ry="${round(radiusY)}" ${paint}/>`;
  const well = slug.endsWith("plate")
    ? ellipse(
        inner * 0.72,
        inner * 0.72 * tilt,
        y + 6,
        `fill="none" stroke="${ink}" stroke-width="7"`,
      ) +
      ellipse(
        inner * 0.88,
        inner * 0.88 * tilt,
        y + 2,
        `fill="none" stroke="${ink}" stroke-width="3"`,
      )
    : "";
  const shade = slug.endsWith("plate")
    ? `fill="url(#inside)" fill-opacity=".35"`
    : `fill="url(#inside)"`;
  return [
    ellipse(r, ry, y, `fill="${clay}"`),
    ellipse(inner, inner * tilt, y + lip * tilt, `fill="${glaze}"`),
    ellipse(inner, inner * tilt, y + lip * tilt, shade),
    well,
  ].join("");
}

/** A lid with a knob, standing a little over the rim. */
function lid({ profile, tilt, glaze, clay }: Piece): string {
  const { y, r } = rimOf(profile);
  const rx = r + 8;
  const dome = `M${AXIS - rx} ${y}C${AXIS - rx * 0.8} ${y - 58} ${AXIS + rx * 0.8} ${y - 58} ${AXIS + rx} ${y}A${rx} ${round(rx * tilt)} 0 0 1 ${AXIS - rx} ${y}Z`;
  return `<ellipse cx="${AXIS}" cy="${y + 5}" rx="${rx}" ry="${round(rx * tilt)}" fill="#000" fill-opacity=".35"/><path d="${dome}" fill="${glaze}"/><path d="${dome}" fill="url(#round)"/><path d="M${AXIS - 17} ${y - 36}q4 -16 -6 -26h46q-10 10 -6 26z" fill="${clay}"/><ellipse cx="${AXIS}" cy="${y - 66}" rx="25" ry="13" fill="${clay}"/><ellipse cx="${AXIS - 5}" cy="${y - 69}" rx="15" ry="6" fill="#fff" fill-opacity=".3"/>`;
}

const folder = new URL("../public/products/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const piece of pieces) writeFileSync(new URL(`${piece.slug}.svg`, folder), draw(piece));
console.log(`drew ${pieces.length} pictures`);
