/** What the keyboard does. The help shows the same table, so that it lists all of it. */

export type Action =
  | { name: "toggle" }
  | { name: "seek"; ms: number }
  | { name: "part"; tenths: number }
  | { name: "end" }
  | { name: "event"; direction: 1 | -1 }
  | { name: "error"; direction: 1 | -1 }
  | { name: "speed"; direction: 1 | -1 }
  | { name: "panel"; direction: 1 | -1 }
  | {
      name: "idle" | "tab" | "size" | "trail" | "fullscreen" | "copy" | "search" | "theme" | "help";
    };

export interface Binding {
  /** As the help shows them. */
  keys: string[];
  does: string;
  /** By key as {@link keyName} names it. */
  actions: Record<string, Action>;
}

const back = -1;
const on = 1;
const tenths = Object.fromEntries(
  Array.from({ length: 10 }, (_, digit): [string, Action] => [
    String(digit),
    { name: "part", tenths: digit },
  ]),
);

export const BINDINGS: readonly Binding[] = [
  {
    keys: ["Space", "K"],
    does: "play or pause",
    actions: { " ": { name: "toggle" }, k: { name: "toggle" } },
  },
  {
    keys: ["←", "→"],
    does: "5 seconds back or on",
    actions: { ArrowLeft: { name: "seek", ms: -5_000 }, ArrowRight: { name: "seek", ms: 5_000 } },
  },
  {
    keys: ["J", "L"],
    does: "10 seconds back or on",
    actions: { j: { name: "seek", ms: -10_000 }, l: { name: "seek", ms: 10_000 } },
  },
  {
    keys: ["Shift ←", "Shift →"],
    does: "30 seconds back or on",
    actions: {
      "Shift+ArrowLeft": { name: "seek", ms: -30_000 },
      "Shift+ArrowRight": { name: "seek", ms: 30_000 },
      PageDown: { name: "seek", ms: -30_000 },
      PageUp: { name: "seek", ms: 30_000 },
    },
  },
  {
    keys: [",", "."],
    does: "one event back or on",
    actions: { ",": { name: "event", direction: back }, ".": { name: "event", direction: on } },
  },
  {
    keys: ["E", "Shift E"],
    does: "next or previous error",
    actions: { e: { name: "error", direction: on }, "Shift+e": { name: "error", direction: back } },
  },
  {
    keys: ["Home", "End"],
    does: "to the start or the end",
    actions: { Home: { name: "part", tenths: 0 }, End: { name: "end" } },
  },
  { keys: ["0", "…", "9"], does: "to that tenth of the session", actions: tenths },
  {
    keys: ["<", ">"],
    does: "slower or faster",
    actions: { "<": { name: "speed", direction: back }, ">": { name: "speed", direction: on } },
  },
  { keys: ["S"], does: "skip what is idle, or not", actions: { s: { name: "idle" } } },
  { keys: ["T"], does: "another tab of the visitor's", actions: { t: { name: "tab" } } },
  { keys: ["Z"], does: "fit, fit to width, or real size", actions: { z: { name: "size" } } },
  { keys: ["M"], does: "trail of the pointer, or none", actions: { m: { name: "trail" } } },
  { keys: ["F"], does: "fullscreen, or not", actions: { f: { name: "fullscreen" } } },
  { keys: ["C"], does: "copy a link to this moment", actions: { c: { name: "copy" } } },
  {
    keys: ["[", "]"],
    does: "previous or next panel",
    actions: { "[": { name: "panel", direction: back }, "]": { name: "panel", direction: on } },
  },
  { keys: ["/"], does: "search in the panel", actions: { "/": { name: "search" } } },
  { keys: ["D"], does: "dark, light, or as the system", actions: { d: { name: "theme" } } },
  { keys: ["?"], does: "this help", actions: { "?": { name: "help" } } },
];

const ACTIONS = new Map(BINDINGS.flatMap(({ actions }) => Object.entries(actions)));

type Key = Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey">;

/** The action of a key, or null if it is none of ours. */
export function actionOf(event: Key): Action | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  return ACTIONS.get(keyName(event)) ?? null;
}

/** Letters in lower case, also with caps lock; what is no character or a letter, with its shift. Other characters tell their shift themselves. */
function keyName({ key, shiftKey }: Key): string {
  const letter = /^\p{L}$/u.test(key);
  const shift = shiftKey && (letter || key.length > 1) ? "Shift+" : "";
  return shift + (letter ? key.toLowerCase() : key);
}
