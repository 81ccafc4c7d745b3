/**
 * Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): what the host
 * draws that must depend on a position only, such as the batches of a step. The GPU's masks come from pcg4d.wgsl.
 */

export type Block = [number, number, number, number];

/** Four random 32-bit words from a counter of four and a key of two. */
export function philox(counter: Readonly<Block>, key: readonly [number, number]): Block {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [hi0, lo0] = product(0xd2511f53, c0);
    const [hi1, lo1] = product(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0];
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/** The 64-bit product of two words, high and low. */
function product(a: number, b: number): [number, number] {
  const x = a >>> 0;
  const y = b >>> 0;
  // x times y's low half has at most 48 bits, times its high half too: both exact in a double.
  const low = x * (y & 0xffff);
  const high = x * (y >>> 16) + Math.floor(low / 65536);
  return [Math.floor(high / 65536), Math.imul(x, y)];
}

/** A seed, a whole number below 2^53, as a key. */
export const keyOf = (seed: number): [number, number] => [seed >>> 0, Math.floor(seed / 2 ** 32)];
