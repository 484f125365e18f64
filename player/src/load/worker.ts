/** Reads chunks off the main thread. One message in, one out, by `id`. */

import type { ChunkIndex } from "../entries/chunk.ts";
import type { Packed } from "../source/source.ts";
import { type Decoded, decodeChunk, readIndex } from "./decode.ts";

/** `play`: all of it; `index`: only what the panels show. */
export interface DecodeRequest {
  id: number;
  want: "play" | "index";
  packed: Packed;
  assets: readonly string[];
}

export type DecodeReply =
  | { id: number; decoded: Decoded }
  | { id: number; index: ChunkIndex }
  | { id: number; error: string };

addEventListener(
  "message",
  async ({ data: { id, want, packed, assets } }: MessageEvent<DecodeRequest>) => {
    try {
      if (want === "play") reply({ id, decoded: await decodeChunk(packed, assets) });
      else reply({ id, index: await readIndex(packed) });
    } catch (error) {
      // Also of an answer too deep to be copied.
      reply({ id, error: error instanceof Error ? error.message : String(error) });
    }
  },
);

function reply(message: DecodeReply): void {
  postMessage(message);
}
