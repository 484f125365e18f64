import type { ChunkIndex } from "../entries/chunk.ts";
import { type Decoded, DecodeError } from "./decode.ts";
import type { DecodeReply, DecodeRequest } from "./worker.ts";

/** Reads a chunk's bytes, which it takes over. */
export interface Decoder {
  /** All of it, to be played. */
  decode(body: ArrayBuffer): Promise<Decoded>;
  /** Only what the panels show. */
  index(body: ArrayBuffer): Promise<ChunkIndex>;
  close(): void;
}

type Answer = Exclude<DecodeReply, { error: string }>;

/** A decoder in a worker of its own. */
export function workerDecoder(): Decoder {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const waiting = new Map<
    number,
    { resolve: (answer: Answer) => void; reject: (error: Error) => void }
  >();
  let nextId = 0;
  const settle = (id: number) => {
    const promise = waiting.get(id);
    waiting.delete(id);
    return promise;
  };
  worker.addEventListener("message", ({ data }: MessageEvent<DecodeReply>) => {
    if ("error" in data) settle(data.id)?.reject(new DecodeError(data.error));
    else settle(data.id)?.resolve(data);
  });
  worker.addEventListener("error", (event) => {
    for (const id of [...waiting.keys()])
      settle(id)?.reject(new DecodeError(`worker failed: ${event.message}`));
  });
  const ask = (want: DecodeRequest["want"], body: ArrayBuffer) =>
    new Promise<Answer>((resolve, reject) => {
      const request: DecodeRequest = { id: nextId++, want, body };
      waiting.set(request.id, { resolve, reject });
      worker.postMessage(request, [body]);
    });
  return {
    async decode(body) {
      return ((await ask("play", body)) as { decoded: Decoded }).decoded;
    },
    async index(body) {
      return ((await ask("index", body)) as { index: ChunkIndex }).index;
    },
    close() {
      worker.terminate();
    },
  };
}
