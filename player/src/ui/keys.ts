/** What the keyboard does, and how the help shows it. */

export type Action =
  | { name: "toggle" }
  | { name: "step"; ms: number }
  | { name: "part"; tenths: number }
  | { name: "end" }
  | { name: "error"; direction: 1 | -1 }
  | { name: "speed"; direction: 1 | -1 }
  | { name: "help" };

export const HELP: { keys: string[]; does: string }[] = [
  { keys: ["Space", "K"], does: "play or pause" },
  { keys: ["←", "→"], does: "5 seconds back or on" },
  { keys: ["Shift", "← →"], does: "30 seconds back or on" },
  { keys: ["J", "L"], does: "10 seconds back or on" },
  { keys: ["Home", "End"], does: "to the start or the end" },
  { keys: ["0", "…", "9"], does: "to that tenth of the session" },
  { keys: ["E", "Shift E"], does: "next or previous error" },
  { keys: ["<", ">"], does: "slower or faster" },
  { keys: ["?"], does: "this help" },
];

/** The action of a key, or null if it is none of ours. */
export function actionOf(
  event: Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey">,
): Action | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const { key, shiftKey } = event;
  if (/^[0-9]$/.test(key)) return { name: "part", tenths: Number(key) };
  switch (key.length === 1 ? key.toLowerCase() : key) {
    case " ":
    case "k":
      return { name: "toggle" };
    case "ArrowLeft":
      return { name: "step", ms: shiftKey ? -30_000 : -5_000 };
    case "ArrowRight":
      return { name: "step", ms: shiftKey ? 30_000 : 5_000 };
    case "PageDown":
      return { name: "step", ms: -30_000 };
    case "PageUp":
      return { name: "step", ms: 30_000 };
    case "j":
      return { name: "step", ms: -10_000 };
    case "l":
      return { name: "step", ms: 10_000 };
    case "Home":
      return { name: "part", tenths: 0 };
    case "End":
      return { name: "end" };
    case "e":
      return { name: "error", direction: shiftKey ? -1 : 1 };
    case "<":
      return { name: "speed", direction: -1 };
    case ">":
      return { name: "speed", direction: 1 };
    case "?":
      return { name: "help" };
    default:
      return null;
  }
}
