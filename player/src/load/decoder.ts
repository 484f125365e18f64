import { type Decoded, DecodeError } from "./decode.ts";
import type { DecodeReply, DecodeRequest } from "./worker.ts";

/** Turns a chunk's bytes, which it takes over, into events. */
export interface Decoder {
  decode(body: ArrayBuffer): Promise<Decoded>;
  close(): void;
}

/** A decoder in a worker of its own. */
export function workerDecoder(): Decoder {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const waiting = new Map<
    number,
    { resolve: (decoded: Decoded) => void; reject: (error: Error) => void }
  >();
  let nextId = 0;
  const settle = (id: number) => {
    const promise = waiting.get(id);
    waiting.delete(id);
    return promise;
  };
  worker.addEventListener("message", ({ data }: MessageEvent<DecodeReply>) => {
    if ("error" in data) settle(data.id)?.reject(new DecodeError(data.error));
    else settle(data.id)?.resolve(data.decoded);
  });
  worker.addEventListener("error", (event) => {
    for (const id of [...waiting.keys()])
      settle(id)?.reject(new DecodeError(`worker failed: ${event.message}`));
  });
  return {
    decode(body) {
      const id = nextId++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        const request: DecodeRequest = { id, body };
        worker.postMessage(request, [body]);
      });
    },
    close() {
      worker.terminate();
    },
  };
}
