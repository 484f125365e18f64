import { parseEvent } from "../load/decode.ts";
import { sanitise } from "../load/sanitise.ts";
import type { ChunkLines } from "./lines.ts";

/**
 * Events as JSON for rrweb's own players: an array, in the order of their times, made safe as for playing here, since nothing tells where they will
 * be played.
 */
export function rrwebJson(chunks: readonly ChunkLines[], assets: readonly string[]): string {
  const events = chunks
    .flatMap(({ lines }) => lines.map(parseEvent))
    .filter((event) => event !== null)
    .filter((event) => sanitise(event, assets))
    .sort((a, b) => a.timestamp - b.timestamp);
  return `[${events.map((event) => JSON.stringify(event)).join(",\n")}]\n`;
}
