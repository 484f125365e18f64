/**
 * What an embedded player and the page around it tell each other with `postMessage`; the promise is docs/embedding.md.
 */

export const PROTOCOL = 1;

/** From the page around. */
export type Command =
  /** A link's fragment (`#/sessions/…`, `#/play?…`), or a whole link. */
  | { type: "load"; link: string }
  | { type: "play" }
  | { type: "pause" }
  /** Unix milliseconds, as in the session. */
  | { type: "seek"; time_ms: number }
  | { type: "speed"; speed: number };

/** To the page around. Times are Unix milliseconds. */
export type Told =
  | { type: "ready" }
  | {
      type: "state";
      state: string;
      time_ms: number;
      start_ms: number;
      end_ms: number;
      speed: number;
    }
  | { type: "time"; time_ms: number }
  | { type: "error"; kind: string; message: string };

/** A message as a command, or null: pages get messages from all kinds of scripts. */
export function parseCommand(data: unknown): Command | null {
  if (typeof data !== "object" || data === null) return null;
  const { tapedeck, type, link, time_ms, speed } = data as Record<string, unknown>;
  if (tapedeck !== PROTOCOL) return null;
  switch (type) {
    case "play":
    case "pause":
      return { type };
    case "load":
      return typeof link === "string" ? { type, link } : null;
    case "seek":
      return Number.isFinite(time_ms) ? { type, time_ms: time_ms as number } : null;
    case "speed":
      return typeof speed === "number" && speed >= 0.5 && speed <= 16 ? { type, speed } : null;
    default:
      return null;
  }
}

/** The fragment of a link, whole or only the fragment. */
export function fragmentOf(link: string): string {
  const at = link.indexOf("#");
  return at < 0 ? "" : link.slice(at);
}
