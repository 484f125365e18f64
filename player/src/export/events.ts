import { parseEvent } from "../load/decode.ts";
import { sanitise } from "../load/sanitise.ts";
import type { ChunkLines } from "./lines.ts";

/**
 * Events as JSON for rrweb's own players: an array, in the order of their times, made safe as for playing here, since nothing tells where they will
 * be played.
 */
export function rrwebJson(chunks: readonly ChunkLines[], assets: readonly string[]): string {
  return `${eventsJson(chunks, assets)}\n`;
}

/** A page load, of which the events are wanted. */
export interface Load {
  page: string;
  opening?: { url?: string; title?: string; tab?: string };
}

/**
 * All page loads: an array of `{"page","tab","url","title","events"}`, in the order of their beginnings. Their events stay apart: two tabs may have been
 * open at once, and a player of rrweb's shows one page.
 */
export function loadsJson(
  loads: readonly Load[],
  chunks: readonly ChunkLines[],
  assets: readonly string[],
): string {
  const parts = loads.map(({ page, opening: { tab, url, title } = {} }) => {
    const head = JSON.stringify({ page, tab: tab ?? null, url: url ?? null, title: title ?? null });
    const own = chunks.filter((chunk) => chunk.page === page);
    return `${head.slice(0, -1)},"events":${eventsJson(own, assets)}}`;
  });
  return `[${parts.join(",\n")}]\n`;
}

function eventsJson(chunks: readonly ChunkLines[], assets: readonly string[]): string {
  const events = chunks
    .flatMap(({ lines }) => lines.map(parseEvent))
    .filter((event) => event !== null)
    .filter((event) => sanitise(event, assets))
    .sort((a, b) => a.timestamp - b.timestamp);
  return `[${events.map((event) => JSON.stringify(event)).join(",\n")}]`;
}
