/** Decodes chunks off the main thread. One message in, one out, by `id`. */

import { type Decoded, decodeChunk } from "./decode.ts";

export interface DecodeRequest {
  id: number;
  body: ArrayBuffer;
}

export type DecodeReply = { id: number; decoded: Decoded } | { id: number; error: string };

addEventListener("message", async ({ data: { id, body } }: MessageEvent<DecodeRequest>) => {
  try {
    reply({ id, decoded: await decodeChunk(body) });
  } catch (error) {
    // Also of an answer too deep to be copied.
    reply({ id, error: error instanceof Error ? error.message : String(error) });
  }
});

function reply(message: DecodeReply): void {
  postMessage(message);
}
