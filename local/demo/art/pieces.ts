import type { Profile } from "./profile.ts";

export type Pattern =
  | "plain"
  | "bands"
  | "stripes"
  | "dots"
  | "flutes"
  | "checks"
  | "brush"
  | "waves";

/** What is needed to draw one product. Colours are CSS colours; heights and radii are units of a 720 × 720 picture. */
export interface Piece {
  slug: string;
  profile: Profile;
  /** The side of the square that the picture shows, 720 unless told: smaller comes closer. */
  frame?: number;
  /** How much we look down on it: the ratio of its circles' heights to their widths. */
  tilt: number;
  backdrop: string;
  clay: string;
  glaze: string;
  /** The pattern's colour. */
  ink: string;
  pattern: Pattern;
  /** Where the glaze ends and the bare clay begins. */
  glazeTo: number;
  /** `open` shows the inside, `lid` closes it with a knob. */
  top: "open" | "lid";
  /** Drawn before the body: what sticks out of it, or its handle. `{clay}` and `{glaze}` stand for its colours. */
  behind?: string;
  /** Drawn after the body. */
  front?: string;
}

const colour = {
  chalk: "#f3efe4",
  cobalt: "#2743c8",
  ink: "#1d2340",
  moss: "#5f7a45",
  pine: "#24493f",
  butter: "#f4cf5f",
  rust: "#c4532d",
  plum: "#6b2f4e",
  sky: "#a9cdea",
  blush: "#f0b5ab",
  stone: "#b9b3a6",
  sand: "#d9b98c",
  umber: "#8b5a3a",
  night: "#30343f",
} as const;

const cup: Profile = [
  { y: 300, r: 112 },
  { y: 380, r: 116 },
  { y: 480, r: 110 },
  { y: 540, r: 88 },
];
const tumbler: Profile = [
  { y: 260, r: 104 },
  { y: 400, r: 98 },
  { y: 545, r: 84 },
];
const bowl: Profile = [
  { y: 350, r: 208 },
  { y: 430, r: 186 },
  { y: 500, r: 124 },
  { y: 530, r: 78 },
  { y: 550, r: 80 },
];
const wideBowl: Profile = [
  { y: 392, r: 252 },
  { y: 452, r: 214 },
  { y: 508, r: 120 },
  { y: 528, r: 96 },
];
const plate: Profile = [
  { y: 430, r: 262 },
  { y: 452, r: 236 },
  { y: 470, r: 150 },
];
const moonJar: Profile = [
  { y: 196, r: 70 },
  { y: 222, r: 72 },
  { y: 290, r: 158 },
  { y: 390, r: 194 },
  { y: 490, r: 150 },
  { y: 560, r: 82 },
];
const bottle: Profile = [
  { y: 150, r: 44 },
  { y: 172, r: 34 },
  { y: 262, r: 34 },
  { y: 330, r: 88 },
  { y: 420, r: 126 },
  { y: 510, r: 112 },
  { y: 566, r: 84 },
];
const cylinder: Profile = [
  { y: 190, r: 112 },
  { y: 300, r: 110 },
  { y: 440, r: 114 },
  { y: 560, r: 108 },
];
const budVase: Profile = [
  { y: 300, r: 34 },
  { y: 330, r: 30 },
  { y: 392, r: 62 },
  { y: 470, r: 104 },
  { y: 530, r: 96 },
  { y: 560, r: 70 },
];
const pot: Profile = [
  { y: 300, r: 156 },
  { y: 336, r: 158 },
  { y: 352, r: 150 },
  { y: 368, r: 141 },
  { y: 460, r: 124 },
  { y: 556, r: 100 },
];
const teapot: Profile = [
  { y: 300, r: 86 },
  { y: 330, r: 128 },
  { y: 410, r: 164 },
  { y: 490, r: 146 },
  { y: 545, r: 96 },
];
const jug: Profile = [
  { y: 214, r: 84 },
  { y: 270, r: 72 },
  { y: 340, r: 92 },
  { y: 440, r: 126 },
  { y: 520, r: 112 },
  { y: 560, r: 90 },
];
const jar: Profile = [
  { y: 272, r: 112 },
  { y: 300, r: 128 },
  { y: 400, r: 138 },
  { y: 500, r: 128 },
  { y: 556, r: 106 },
];
const candlestick: Profile = [
  { y: 250, r: 40 },
  { y: 280, r: 42 },
  { y: 300, r: 26 },
  { y: 420, r: 22 },
  { y: 490, r: 40 },
  { y: 530, r: 108 },
  { y: 552, r: 116 },
];

/** A handle on the right, from one height to another: a thick stroke, its shade, and its light. */
function handle(x: number, from: number, to: number, out: number): string {
  const curve = `M${x} ${from}C${x + out} ${from - 14} ${x + out} ${to + 14} ${x - 12} ${to}`;
  return `<g fill="none" stroke-linecap="round"><path d="${curve}" stroke="{glaze}" stroke-width="30"/><path d="${curve}" stroke="#000" stroke-opacity=".26" stroke-width="30"/><path d="${curve}" stroke="{glaze}" stroke-width="15" transform="translate(-4 -4)"/></g>`;
}

const spout = `<path d="M470 470C540 452 540 372 596 330L634 344C600 404 596 500 470 530Z" fill="{glaze}"/><path d="M470 500C560 486 566 400 616 338L634 344C600 404 596 500 470 530Z" fill="#000" fill-opacity=".28"/>`;

/** Leaves like blades, fanned out from the middle of the pot. */
function blades(count: number, greens: readonly [string, string]): string {
  return Array.from({ length: count }, (_, i) => {
    const lean = i - (count - 1) / 2;
    const tip = 360 + lean * 52;
    const height = 92 + Math.abs(lean) * 34;
    const foot = 360 + lean * 18;
    const middle = `${foot + lean * 12} 210`;
    return `<path d="M${foot - 17} 320Q${foot - 30 + lean * 16} 200 ${tip} ${height}Q${foot + 34 + lean * 16} 210 ${foot + 17} 320Z" fill="${greens[i % 2 ? 1 : 0]}"/><path d="M${foot} 318Q${middle} ${tip} ${height + 14}" fill="none" stroke="#fff" stroke-opacity=".28" stroke-width="3"/>`;
  }).join("");
}

/** One stem with pairs of leaves, out of a narrow neck. */
function stem(x: number, from: number, to: number, lean: number, leaf: string): string {
  const steps = Math.floor((from - to) / 42);
  const leaves = Array.from({ length: steps }, (_, i) => {
    const t = (i + 1) / steps;
    const px = Math.round(x + lean * t * t);
    const py = Math.round(from + (to - from) * t);
    const size = 1 - t * 0.45;
    return [-1, 1]
      .map(
        (side) =>
          `<path transform="translate(${px} ${py}) scale(${(side * size).toFixed(2)} ${size.toFixed(2)})" d="M0 0C18 -40 56 -52 84 -40C70 -8 34 6 0 0Z" fill="${leaf}"/>`,
      )
      .join("");
  }).join("");
  return `<path d="M${x} ${from + 30}Q${x} ${(from + to) / 2} ${x + lean} ${to}" fill="none" stroke="${leaf}" stroke-width="6"/>${leaves}`;
}

const candle = `<path d="M338 96H382V252H338Z" fill="#fbf4e2"/><path d="M366 96H382V252H366Z" fill="#000" fill-opacity=".12"/><path d="M360 96V76" stroke="#333" stroke-width="4"/><path d="M360 22C382 52 378 78 360 80C342 78 338 52 360 22Z" fill="#ffb938"/><path d="M360 48C370 62 369 76 360 78C351 76 350 62 360 48Z" fill="#fff3c4"/>`;

/** Every product's picture, in the order of `public/products.json`. */
export const pieces: readonly Piece[] = [
  {
    slug: "harbour-mug",
    frame: 540,
    profile: cup,
    tilt: 0.2,
    backdrop: colour.butter,
    clay: colour.sand,
    glaze: colour.cobalt,
    ink: colour.chalk,
    pattern: "waves",
    glazeTo: 500,
    top: "open",
    behind: handle(460, 360, 470, 110),
  },
  {
    slug: "polka-mug",
    frame: 540,
    profile: cup,
    tilt: 0.2,
    backdrop: colour.sky,
    clay: colour.umber,
    glaze: colour.chalk,
    ink: colour.rust,
    pattern: "dots",
    glazeTo: 520,
    top: "open",
    behind: handle(460, 360, 470, 110),
  },
  {
    slug: "fluted-tumbler",
    frame: 560,
    profile: tumbler,
    tilt: 0.2,
    backdrop: "#cfd8c3",
    clay: colour.sand,
    glaze: colour.moss,
    ink: colour.pine,
    pattern: "flutes",
    glazeTo: 510,
    top: "open",
  },
  {
    slug: "espresso-cup",
    frame: 460,
    profile: [
      { y: 378, r: 88 },
      { y: 440, r: 90 },
      { y: 510, r: 78 },
      { y: 544, r: 58 },
    ],
    tilt: 0.22,
    backdrop: "#e9ddd0",
    clay: colour.umber,
    glaze: colour.night,
    ink: colour.butter,
    pattern: "plain",
    glazeTo: 500,
    top: "open",
    behind: handle(434, 424, 494, 80),
  },
  {
    slug: "breakfast-bowl",
    frame: 580,
    profile: bowl,
    tilt: 0.26,
    backdrop: colour.blush,
    clay: colour.sand,
    glaze: colour.chalk,
    ink: colour.cobalt,
    pattern: "bands",
    glazeTo: 505,
    top: "open",
  },
  {
    slug: "ramen-bowl",
    frame: 580,
    profile: bowl,
    tilt: 0.24,
    backdrop: "#d6cfe6",
    clay: colour.umber,
    glaze: colour.plum,
    ink: colour.blush,
    pattern: "brush",
    glazeTo: 500,
    top: "open",
  },
  {
    slug: "salad-bowl",
    frame: 640,
    profile: wideBowl,
    tilt: 0.3,
    backdrop: "#dfe6d2",
    clay: colour.umber,
    glaze: colour.butter,
    ink: colour.rust,
    pattern: "bands",
    glazeTo: 515,
    top: "open",
  },
  {
    slug: "supper-plate",
    frame: 640,
    profile: plate,
    tilt: 0.42,
    backdrop: "#c9d3e6",
    clay: colour.sand,
    glaze: colour.chalk,
    ink: colour.cobalt,
    pattern: "plain",
    glazeTo: 600,
    top: "open",
  },
  {
    slug: "side-plate",
    frame: 560,
    profile: [
      { y: 440, r: 204 },
      { y: 458, r: 182 },
      { y: 474, r: 116 },
    ],
    tilt: 0.42,
    backdrop: colour.sand,
    clay: colour.umber,
    glaze: colour.pine,
    ink: colour.chalk,
    pattern: "plain",
    glazeTo: 600,
    top: "open",
  },
  {
    slug: "moon-jar",
    frame: 620,
    profile: moonJar,
    tilt: 0.2,
    backdrop: "#39457f",
    clay: colour.stone,
    glaze: colour.chalk,
    ink: colour.stone,
    pattern: "plain",
    glazeTo: 640,
    top: "open",
  },
  {
    slug: "swan-bottle",
    frame: 640,
    profile: bottle,
    tilt: 0.22,
    backdrop: "#f2c9a4",
    clay: colour.sand,
    glaze: colour.pine,
    ink: colour.butter,
    pattern: "plain",
    glazeTo: 470,
    top: "open",
  },
  {
    slug: "checker-vase",
    frame: 600,
    profile: cylinder,
    tilt: 0.2,
    backdrop: colour.moss,
    clay: colour.sand,
    glaze: colour.chalk,
    ink: colour.ink,
    pattern: "checks",
    glazeTo: 520,
    top: "open",
  },
  {
    slug: "bud-vase",
    frame: 700,
    profile: budVase,
    tilt: 0.24,
    backdrop: "#f6e3b2",
    clay: colour.umber,
    glaze: colour.blush,
    ink: colour.rust,
    pattern: "bands",
    glazeTo: 515,
    top: "open",
    behind: stem(360, 300, 96, 46, colour.moss),
  },
  {
    slug: "window-planter",
    frame: 660,
    profile: pot,
    tilt: 0.22,
    backdrop: "#e7c3b4",
    clay: colour.rust,
    glaze: colour.rust,
    ink: colour.chalk,
    pattern: "plain",
    glazeTo: 240,
    top: "open",
    front: blades(7, [colour.pine, colour.moss]),
  },
  {
    slug: "striped-planter",
    profile: pot,
    tilt: 0.22,
    backdrop: colour.sky,
    clay: colour.sand,
    glaze: colour.chalk,
    ink: colour.ink,
    pattern: "stripes",
    glazeTo: 500,
    top: "open",
    front: stem(360, 310, 70, -30, colour.moss),
  },
  {
    slug: "sunday-teapot",
    profile: teapot,
    tilt: 0.22,
    backdrop: "#d9e4e0",
    clay: colour.umber,
    glaze: colour.rust,
    ink: colour.chalk,
    pattern: "plain",
    glazeTo: 500,
    top: "lid",
    behind: `${spout}<g transform="matrix(-1 0 0 1 720 0)">${handle(500, 350, 480, 130)}</g>`,
  },
  {
    slug: "milk-jug",
    frame: 620,
    profile: jug,
    tilt: 0.22,
    backdrop: colour.plum,
    clay: colour.sand,
    glaze: colour.sky,
    ink: colour.chalk,
    pattern: "brush",
    glazeTo: 505,
    top: "open",
    behind: handle(436, 280, 440, 140),
  },
  {
    slug: "biscuit-jar",
    frame: 600,
    profile: jar,
    tilt: 0.22,
    backdrop: "#efe2c4",
    clay: colour.umber,
    glaze: colour.cobalt,
    ink: colour.chalk,
    pattern: "checks",
    glazeTo: 510,
    top: "lid",
  },
  {
    slug: "tall-candlestick",
    profile: candlestick,
    tilt: 0.2,
    backdrop: "#2f4a48",
    clay: colour.sand,
    glaze: colour.butter,
    ink: colour.rust,
    pattern: "plain",
    glazeTo: 512,
    top: "open",
    front: candle,
  },
  {
    slug: "olive-oil-bottle",
    frame: 600,
    profile: [
      { y: 196, r: 40 },
      { y: 214, r: 32 },
      { y: 280, r: 36 },
      { y: 340, r: 98 },
      { y: 450, r: 102 },
      { y: 562, r: 94 },
    ],
    tilt: 0.22,
    backdrop: "#dcd6ee",
    clay: colour.umber,
    glaze: colour.moss,
    ink: colour.pine,
    pattern: "flutes",
    glazeTo: 490,
    top: "open",
  },
];
