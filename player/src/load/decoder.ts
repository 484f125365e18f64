import type { ChunkIndex } from "../entries/chunk.ts";
import type { Packed } from "../source/source.ts";
import type { Decoded } from "./decode.ts";
import { DecodeError } from "./decode-error.ts";
import type { DecodeReply, DecodeRequest } from "./worker.ts";

/** Reads a chunk's bytes, which it takes over. */
export interface Decoder {
  /** All of it, to be played. */
  decode(packed: Packed): Promise<Decoded>;
  /** Only what the panels show. */
  index(packed: Packed): Promise<ChunkIndex>;
  /** Loads what chunks of this coding need, before one comes. */
  prepare(coding: Packed["coding"]): void;
  close(): void;
}

type Answer = Exclude<DecodeReply, { error: string }>;

/** No chunk that an edge admits takes a tenth of it. One that does is a hole, rather than a player that waits for ever. */
const DECODE_MS_MAX = 15_000;

interface Task {
  want: "play" | "index";
  packed: Packed;
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

/** A decoder in a worker of its own, which is replaced if it does not answer. `assets`: origins from which pictures may be shown. */
export function workerDecoder(assets: readonly string[]): Decoder {
  const tasks: Task[] = [];
  let running: { task: Task; timeout: ReturnType<typeof setTimeout> } | null = null;
  let worker = begin();

  function begin(): Worker {
    const begun = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    begun.addEventListener("message", ({ data }: MessageEvent<DecodeReply>) => {
      end((task) =>
        "error" in data ? task.reject(new DecodeError(data.error)) : task.resolve(data),
      );
    });
    begun.addEventListener("error", (event) => {
      end((task) => task.reject(new DecodeError(`worker failed: ${event.message}`)));
    });
    return begun;
  }

  function end(settle: (task: Task) => void): void {
    if (running === null) return;
    clearTimeout(running.timeout);
    const { task } = running;
    running = null;
    settle(task);
    next();
  }

  function next(): void {
    const task = tasks.shift();
    if (task === undefined || running !== null) return;
    const timeout = setTimeout(() => {
      worker.terminate();
      worker = begin();
      end(({ reject }) =>
        reject(new DecodeError(`chunk takes more than ${DECODE_MS_MAX} ms to read`)),
      );
    }, DECODE_MS_MAX);
    running = { task, timeout };
    const request: DecodeRequest = { want: task.want, packed: task.packed, assets };
    worker.postMessage(request, [task.packed.body]);
  }

  // One after the other: so it is known which chunk a worker does not come back from.
  const ask = (want: Task["want"], packed: Packed) =>
    new Promise<Answer>((resolve, reject) => {
      tasks.push({ want, packed, resolve, reject });
      if (running === null) next();
    });

  return {
    async decode(packed) {
      return ((await ask("play", packed)) as { decoded: Decoded }).decoded;
    },
    async index(packed) {
      return ((await ask("index", packed)) as { index: ChunkIndex }).index;
    },
    prepare(coding) {
      worker.postMessage({ want: "prepare", coding } satisfies DecodeRequest);
    },
    close() {
      if (running !== null) clearTimeout(running.timeout);
      running = null;
      tasks.length = 0;
      worker.terminate();
    },
  };
}
