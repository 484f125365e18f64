import { unpack } from "../load/decode.ts";
import { chunkName, type Manifest } from "../session/manifest.ts";
import type { Source } from "../source/source.ts";

/** Chunks that are fetched at once: watching goes on beside it. */
const AT_ONCE = 3;

/** One chunk's events as they were stored. */
export interface ChunkLines {
  page: string;
  seq: number;
  hash: string;
  lines: string[];
}

/**
 * The lines of all chunks of the manifest, or of one of its page loads, in the order in which a tape takes them. A chunk that cannot be had is
 * left out and counted.
 */
export async function readLines(
  source: Source,
  manifest: Manifest,
  page: string | null,
  onprogress: (part: number) => void,
  signal: AbortSignal,
): Promise<{ chunks: ChunkLines[]; lost: number }> {
  const wanted = manifest.pages
    .filter((load) => page === null || load.page === page)
    .flatMap((load) => load.chunks.map(({ seq, hash }) => ({ page: load.page, seq, hash })));
  const read: (ChunkLines | null)[] = [];
  let next = 0;
  let done = 0;
  const take = async () => {
    while (next < wanted.length) {
      const at = next++;
      const { page, seq, hash } = wanted[at] as (typeof wanted)[number];
      read[at] = await linesOf(source, chunkName(page, seq, hash), signal).then(
        (lines) => ({ page, seq, hash, lines }),
        (error: unknown) => {
          signal.throwIfAborted();
          // Gone or broken: as a hole when it is played.
          if (error instanceof Error) return null;
          throw error;
        },
      );
      onprogress(++done / wanted.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, take));
  const chunks = read.filter((chunk) => chunk !== null);
  return { chunks, lost: wanted.length - chunks.length };
}

async function linesOf(source: Source, name: string, signal: AbortSignal): Promise<string[]> {
  const { text } = await unpack(await source.chunk(name, signal));
  return text.split("\n").filter((line) => line !== "");
}
