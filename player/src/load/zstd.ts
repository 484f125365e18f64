import { Decompress, decompress } from "fzstd";

/** Windows that RFC 8878 (3.1.1.1.2) recommends a decoder to support are 8 MiB; ours never exceed a frame. */
const WINDOW_BYTES_MAX = 64 * 1024 * 1024;
const PUSH_BYTES = 64 * 1024;

/**
 * The content of one Zstandard frame that is `inflatedBytes` long.
 *
 * The whole output is allocated before, so a frame that says otherwise of itself takes no more memory.
 *
 * @throws if it is no such frame.
 */
export function inflateZstd(body: ArrayBuffer, inflatedBytes: number): Uint8Array {
  const out = decompress(new Uint8Array(body), new Uint8Array(inflatedBytes));
  // Several frames are joined by the decoder, and come out longer.
  if (out.length !== inflatedBytes)
    throw new RangeError(`frame is ${out.length} bytes inflated, expected ${inflatedBytes}`);
  return out;
}

/**
 * The content of a Zstandard frame of unknown length, of at most `bytesMax` bytes.
 *
 * @throws if it is none, or longer.
 */
export function inflateZstdUpTo(body: ArrayBuffer, bytesMax: number): Uint8Array {
  const input = new Uint8Array(body);
  const window = windowBytes(input);
  if (window > WINDOW_BYTES_MAX)
    throw new RangeError(`frame wants a window of ${window} bytes, limit is ${WINDOW_BYTES_MAX}`);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const stream = new Decompress((part) => {
    bytes += part.length;
    if (bytes > bytesMax) throw new RangeError(`frame is more than ${bytesMax} bytes inflated`);
    parts.push(part.slice());
  });
  // Small pieces, so that a bomb is noticed before it has gone off.
  for (let from = 0; from < input.length; from += PUSH_BYTES) {
    const to = from + PUSH_BYTES;
    stream.push(input.subarray(from, to), to >= input.length);
  }
  const out = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** What a decoder must keep of the content behind it: RFC 8878, 3.1.1.1.2. A frame of one segment keeps its content. */
function windowBytes(frame: Uint8Array): number {
  const [descriptor = 0, window = 0] = [frame[4], frame[5]];
  if ((descriptor & 0x20) !== 0) return 0;
  const base = 2 ** (10 + (window >> 3));
  return base + (base / 8) * (window & 7);
}
