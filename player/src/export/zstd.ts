/**
 * Zstandard frames without compression (RFC 8878, 3.1.1.2): raw blocks. A browser has no encoder, and one of our own would weigh more than it
 * saves: what needs to be small is sealed by the indexer. Any decoder reads these.
 */

const BLOCK_BYTES_MAX = 128 * 1024;

/** `content` as one Zstandard frame that tells its length. */
export function frameOf(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const blocks = Math.max(1, Math.ceil(content.length / BLOCK_BYTES_MAX));
  const frame = new Uint8Array(4 + 1 + 8 + blocks * 3 + content.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, 0xfd2fb528, true);
  // Frame_Content_Size of 8 bytes, a single segment, no checksum, no dictionary.
  view.setUint8(4, 0b1110_0000);
  view.setBigUint64(5, BigInt(content.length), true);
  let at = 13;
  for (let block = 0; block < blocks; block++) {
    const part = content.subarray(block * BLOCK_BYTES_MAX, (block + 1) * BLOCK_BYTES_MAX);
    const header = (part.length << 3) | (block === blocks - 1 ? 1 : 0);
    frame.set([header & 0xff, (header >> 8) & 0xff, header >> 16], at);
    frame.set(part, at + 3);
    at += 3 + part.length;
  }
  return frame;
}
