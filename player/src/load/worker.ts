/** Reads chunks off the main thread. One message in, one out. */

import type { ChunkIndex } from "../entries/chunk.ts";
import type { Packed } from "../source/source.ts";
import { type Decoded, decodeChunk, prepareCoding, readIndex } from "./decode.ts";

/** `play`: all of it; `index`: only what the panels show; `prepare`: nothing, and nothing is answered. */
export type DecodeRequest =
  | { want: "play" | "index"; packed: Packed; assets: readonly string[] }
  | { want: "prepare"; coding: Packed["coding"] };

export type DecodeReply = { decoded: Decoded } | { index: ChunkIndex } | { error: string };

addEventListener("message", async ({ data }: MessageEvent<DecodeRequest>) => {
  try {
    if (data.want === "prepare") await prepareCoding(data.coding);
    else if (data.want === "index") reply({ index: await readIndex(data.packed) });
    else reply({ decoded: await decodeChunk(data.packed, data.assets) });
  } catch (error) {
    // What cannot be prepared fails again, and is told of, with the first chunk.
    if (data.want === "prepare") return;
    // Also of an answer too deep to be copied.
    reply({ error: error instanceof Error ? error.message : String(error) });
  }
});

function reply(message: DecodeReply): void {
  postMessage(message);
}
