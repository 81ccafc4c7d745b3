/** Dropout's masks on the host, bit for bit what pcg4d.wgsl computes, and where in the network a mask is. */
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Dim } from '../../src/gpu/recorder.ts';
import source from './pcg4d.wgsl' with { type: 'text' };
import type { Block } from './philox.ts';

/** The WGSL text of `pcg4d`, `keep4` and `keep`, for `specialise`'s include. */
export const maskWgsl: string = source;

/** Four random 32-bit words from a place of four (Jarzynski and Olano 2020). */
export function pcg4d(place: Readonly<Block>): Block {
  const v = place.map((n) => (Math.imul(n, 1664525) + 1013904223) | 0);
  const mix = () => {
    v[0] += Math.imul(v[1], v[3]);
    v[1] += Math.imul(v[2], v[0]);
    v[2] += Math.imul(v[0], v[1]);
    v[3] += Math.imul(v[1], v[2]);
  };
  mix();
  for (let i = 0; i < 4; i++) v[i] ^= v[i] >>> 16;
  mix();
  return v.map((n) => n >>> 0) as Block;
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
  const place: Block = [Math.floor(index / 4), site ^ Math.imul(key[1], 0x9e3779b9), step, key[0]];
  return pcg4d(place)[index % 4] >= dropBelow;
}

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
