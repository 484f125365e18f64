/** Reads chunks off the main thread. One message in, one out. */

import type { ChunkIndex } from "../entries/chunk.ts";
import type { Packed } from "../source/source.ts";
import { type Decoded, decodeChunk, readIndex } from "./decode.ts";

/** `play`: all of it; `index`: only what the panels show. */
export interface DecodeRequest {
  want: "play" | "index";
  packed: Packed;
  assets: readonly string[];
}

export type DecodeReply = { decoded: Decoded } | { index: ChunkIndex } | { error: string };

addEventListener(
  "message",
  async ({ data: { want, packed, assets } }: MessageEvent<DecodeRequest>) => {
    try {
      if (want === "play") reply({ decoded: await decodeChunk(packed, assets) });
      else reply({ index: await readIndex(packed) });
    } catch (error) {
      // Also of an answer too deep to be copied.
      reply({ error: error instanceof Error ? error.message : String(error) });
    }
  },
);

function reply(message: DecodeReply): void {
  postMessage(message);
}
