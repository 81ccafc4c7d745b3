/**
 * Philox 4x32-10 on the host (Salmon et al. 2011), word for word what philox.wgsl computes: for tests, and for
 * whatever the host draws that must depend on a position only, such as the batches of a step.
 */
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Dim } from '../../src/gpu/recorder.ts';
import source from './philox.wgsl' with { type: 'text' };

/** The WGSL text of `philox`, `keep4` and `keep`, for `specialise`'s include. */
export const philoxWgsl: string = source;

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

/** The word below which an element is dropped: `p`, in [0, 1), as a share of 2^32. */
export function threshold(p: number): number {
  if (!(p >= 0 && p < 1)) throw new RangeError(`a dropout probability must be in [0, 1), not ${p}`);
  return Math.min(2 ** 32 - 1, Math.round(p * 2 ** 32));
}

/** Whether element `index` of `site` stays in `step`; `dropBelow` is `threshold(p)`. */
export function keep(
  key: readonly [number, number],
  step: number,
  site: number,
  index: number,
  dropBelow: number,
): boolean {
  return philox([Math.floor(index / 4), site, step, 0], key)[index % 4] >= dropBelow;
}

/** A seed, a whole number below 2^53, as a key. */
export const keyOf = (seed: number): [number, number] => [seed >>> 0, Math.floor(seed / 2 ** 32)];

const sites = new WeakMap<Gpu, Map<number, Dim>>();

/**
 * A uniform whose x is `site`, one a device and number. A place in the network is data to the kernels, not a
 * constant of theirs: as a constant it would make a pipeline of its own for every linear of every layer.
 */
export function siteDim(gpu: Gpu, site: number): Dim {
  let known = sites.get(gpu);
  if (!known) sites.set(gpu, (known = new Map()));
  let dim = known.get(site);
  if (!dim) known.set(site, (dim = gpu.dim('dropout site', site)));
  return dim;
}
