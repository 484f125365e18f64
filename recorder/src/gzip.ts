/**
 * Gzip in two ways: off the main thread where the browser can, and at once where the page is about to go.
 */
import { gzipSync } from "fflate";

/** One gzip member, made by the browser's own compressor if it has one. */
export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof CompressionStream === "undefined") return gzipNow(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** One gzip member, before the function returns. */
export function gzipNow(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return gzipSync(bytes, { level: 6, mtime: 0 }) as Uint8Array<ArrayBuffer>;
}
