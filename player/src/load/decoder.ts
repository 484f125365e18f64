import type { ChunkIndex } from "../entries/chunk.ts";
import type { Packed } from "../source/source.ts";
import { type Decoded, DecodeError } from "./decode.ts";
import type { DecodeReply, DecodeRequest } from "./worker.ts";

/** Reads a chunk's bytes, which it takes over. */
export interface Decoder {
  /** All of it, to be played. */
  decode(packed: Packed): Promise<Decoded>;
  /** Only what the panels show. */
  index(packed: Packed): Promise<ChunkIndex>;
  close(): void;
}

type Answer = Exclude<DecodeReply, { error: string }>;

/** A decoder in a worker of its own. `assets`: origins from which pictures may be shown. */
export function workerDecoder(assets: readonly string[]): Decoder {
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
  const ask = (want: DecodeRequest["want"], packed: Packed) =>
    new Promise<Answer>((resolve, reject) => {
      const request: DecodeRequest = { id: nextId++, want, packed, assets };
      waiting.set(request.id, { resolve, reject });
      worker.postMessage(request, [packed.body]);
    });
  return {
    async decode(packed) {
      return ((await ask("play", packed)) as { decoded: Decoded }).decoded;
    },
    async index(packed) {
      return ((await ask("index", packed)) as { index: ChunkIndex }).index;
    },
    close() {
      worker.terminate();
    },
  };
}
