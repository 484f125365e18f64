import type { Manifest } from "../session/manifest.ts";
import { type Source, SourceError } from "../source/source.ts";
import { loadsJson, rrwebJson } from "./events.ts";
import { type StandaloneParts, standaloneHtml } from "./html.ts";
import { type ChunkLines, readLines } from "./lines.ts";
import { encodeTape, inTapeOrder } from "./tape.ts";

/** `json` is the events of one page load, `loads` those of all. */
export type Kind = "tape" | "json" | "loads" | "html";

/** Fetches the standalone player, which only a page needs. */
export type Standalone = () => Promise<StandaloneParts>;

export interface ExportOptions {
  /** The page load of which rrweb's events are wanted. */
  page: string;
  assets: readonly string[];
  title: string;
  parts: Standalone;
  /** From 0 to 1. */
  onprogress: (part: number) => void;
  signal: AbortSignal;
}

/** A session as a file, and how many of its chunks are missing in it. @throws {SourceError} */
export async function exportSession(
  kind: Kind,
  source: Source,
  { page, assets, title, parts, onprogress, signal }: ExportOptions,
): Promise<{ blob: Blob; lost: number }> {
  const { manifest, raw } = await source.view("start", signal);
  if (manifest === null || raw === null) {
    throw new SourceError("unavailable", "the session is not indexed yet: try again in a minute");
  }
  if (kind === "json" || kind === "loads") {
    const only = kind === "json" ? page : null;
    const { chunks, lost } = await readLines(source, manifest, only, onprogress, signal);
    const text =
      kind === "json" ? rrwebJson(chunks, assets) : loadsJson(manifest.pages, chunks, assets);
    return { blob: new Blob([text], { type: "application/json" }), lost };
  }
  const { tape, lost } = await tapeOf(source, manifest, raw, onprogress, signal);
  if (kind === "tape") return { blob: tape, lost };
  return { blob: await standaloneHtml(await parts(), await tape.arrayBuffer(), title), lost };
}

async function tapeOf(
  source: Source,
  manifest: Manifest,
  raw: object,
  onprogress: (part: number) => void,
  signal: AbortSignal,
): Promise<{ tape: Blob; lost: number }> {
  const stored = await source.tape?.(signal);
  if (stored !== undefined && stored !== null) return { tape: stored, lost: 0 };
  const { chunks, lost } = await readLines(source, manifest, null, onprogress, signal);
  return { tape: await encodeTape(withoutTape(raw), ordered(chunks), "tapedeck-player"), lost };
}

function ordered(chunks: ChunkLines[]): ChunkLines[] {
  return inTapeOrder(chunks);
}

/** spec/tape.md: the header's manifest does not name the tape that it stands in. */
function withoutTape(manifest: object): object {
  const { tape: _, ...rest } = manifest as Record<string, unknown>;
  return rest;
}
