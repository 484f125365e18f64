/**
 * Gzip in two ways: off the main thread where the browser can, and at once where the page is about to go.
 */
import { gzipSync } from "fflate";

/** What runs in the worker: gets a text and its number, gives the number and one gzip member. */
const WORKER = `onmessage=async({data:[n,text]})=>{const z=await new Response(new Blob([text]).stream().pipeThrough(
new CompressionStream("gzip"))).arrayBuffer();postMessage([n,z],[z])}`;
/** A worker that has not answered by then never will. */
const ANSWER_MS = 5_000;

/** Compresses in a worker of its own, or where none can be had by the browser's compressor, or by fflate. */
export class Gzip {
  private worker: Worker | undefined;
  private readonly waiting = new Map<
    number,
    (bytes: Uint8Array<ArrayBuffer> | undefined) => void
  >();
  private asked = 0;

  /** `refused` hears that the page's policy lets no worker start. */
  constructor(
    private isWorkerWanted: boolean,
    private readonly refused: () => void,
  ) {}

  /** One gzip member of the text as UTF-8. */
  async compress(text: string): Promise<Uint8Array<ArrayBuffer>> {
    if (typeof CompressionStream === "undefined") return gzipNow(text);
    const bytes = await this.inWorker(text);
    if (bytes !== undefined) return bytes;
    const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /** Ends the worker. It is started again when it is needed. */
  rest(): void {
    this.worker?.terminate();
    this.worker = undefined;
    for (const answer of this.waiting.values()) answer(undefined);
    this.waiting.clear();
  }

  private async inWorker(text: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (!this.isWorkerWanted) return undefined;
    try {
      this.worker ??= this.start();
    } catch {
      this.giveUp();
      return undefined;
    }
    const number = this.asked++;
    const { worker, waiting } = this;
    return new Promise((resolve) => {
      const late = setTimeout(() => this.giveUp(), ANSWER_MS);
      waiting.set(number, (bytes) => {
        clearTimeout(late);
        waiting.delete(number);
        resolve(bytes);
      });
      worker.postMessage([number, text]);
    });
  }

  private start(): Worker {
    const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    const worker = new Worker(url);
    worker.onmessage = ({ data: [number, bytes] }) => {
      // Not before, since some browsers read it late.
      URL.revokeObjectURL(url);
      this.waiting.get(number)?.(new Uint8Array(bytes));
    };
    // Which is how some browsers say that a policy forbids it; others throw.
    worker.onerror = () => this.giveUp();
    return worker;
  }

  private giveUp(): void {
    this.isWorkerWanted = false;
    this.refused();
    this.rest();
  }
}

/** One gzip member, before the function returns. */
export function gzipNow(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  return gzipSync(bytes, { level: 6, mtime: 0 }) as Uint8Array<ArrayBuffer>;
}
