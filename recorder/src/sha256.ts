/**
 * SHA-256 of a short message, at once. `crypto.subtle` answers later and only on https, and a library's any-length hash is half
 * of what the part of the recorder that loads first may weigh.
 */

// FIPS 180-4, sections 4.2.2 and 5.3.3: the first 32 bits of the fractional parts of the cube roots of the first 64 primes, and of the
// square roots of the first 8.
const CONSTANTS = /* @__PURE__ */ constants();

/** The digest's 32 bytes. The message must have at most 55 bytes, so that it is one block with its padding. */
export function sha256(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const block = new DataView(new ArrayBuffer(64));
  message.forEach((byte, i) => {
    block.setUint8(i, byte);
  });
  block.setUint8(message.length, 0x80);
  block.setUint32(60, message.length * 8);
  const { round, start } = CONSTANTS;
  const w: number[] = [];
  let state = start;
  for (let i = 0; i < 64; i++) {
    const [a, b, c, d, e, f, g, h] = state as Eight;
    if (i < 16) {
      w[i] = block.getUint32(i * 4);
    } else {
      const [x, y] = [w[i - 15] as number, w[i - 2] as number];
      const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
      const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
      w[i] = ((w[i - 16] as number) + s0 + (w[i - 7] as number) + s1) | 0;
    }
    const e1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t = h + e1 + ((e & f) ^ (~e & g)) + (round[i] as number) + (w[i] as number);
    const a0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    state = [(t + a0 + ((a & b) ^ (a & c) ^ (b & c))) | 0, a, b, c, (d + t) | 0, e, f, g];
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => {
    digest.setUint32(i * 4, word + (start[i] as number));
  });
  return new Uint8Array(digest.buffer);
}

type Eight = [number, number, number, number, number, number, number, number];

function constants(): { round: number[]; start: number[] } {
  const round: number[] = [];
  const start: number[] = [];
  for (let n = 2; round.length < 64; n++) {
    if (isPrime(n)) {
      if (start.length < 8) start.push(fractionBits(n ** (1 / 2)));
      round.push(fractionBits(n ** (1 / 3)));
    }
  }
  return { round, start };
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

function fractionBits(root: number): number {
  return ((root % 1) * 2 ** 32) | 0;
}

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return true;
}
