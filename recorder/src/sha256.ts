/**
 * SHA-256 of four 32-bit words, at once. `crypto.subtle` answers later and only on https, and a library's any-length hash is half
 * of what the part of the recorder that loads first may weigh.
 */

/** The digest as eight words, of which the sign means nothing. */
export function sha256(message: readonly number[]): number[] {
  const { round, start } = constants();
  // The one block that there is: the message, a one bit, and its length in bits.
  const w = [...message, 2 ** 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128];
  let state = start;
  round.forEach((k, i) => {
    const [a, b, c, d, e, f, g, h] = state as Eight;
    if (i > 15) {
      const [x, y] = [w[i - 15] as number, w[i - 2] as number];
      const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
      const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
      w[i] = ((w[i - 16] as number) + s0 + (w[i - 7] as number) + s1) | 0;
    }
    const e1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t = h + e1 + ((e & f) ^ (~e & g)) + k + (w[i] as number);
    const a0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    state = [(t + a0 + ((a & b) ^ (a & c) ^ (b & c))) | 0, a, b, c, (d + t) | 0, e, f, g];
  });
  return state.map((word, i) => (word + (start[i] as number)) | 0);
}

type Eight = [number, number, number, number, number, number, number, number];

// FIPS 180-4, sections 4.2.2 and 5.3.3: the first 32 bits of the fractional parts of the cube roots of the first 64 primes, and of the
// square roots of the first 8.
function constants(): { round: number[]; start: number[] } {
  const primes: number[] = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p > 0)) primes.push(n);
  const bits = (root: number): number[] => primes.map((p) => ((p ** (1 / root) % 1) * 2 ** 32) | 0);
  return { round: bits(3), start: bits(2).slice(0, 8) };
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}
