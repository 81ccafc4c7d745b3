/**
 * Operands of benchmarks, which may have hundreds of millions of elements: random numbers repeated from a block that the
 * host makes in a moment, whose length is a prime, so that no row and no tile meets the same numbers as its neighbour;
 * results read as they are stored; and the shapes of published models.
 */
import type { Q4Weight } from '../kernels/linear/weights.ts';
import type { Gpu } from '../src/gpu/gpu.ts';
import { BYTES, elements, type Tensor } from '../src/gpu/tensor.ts';
import { fromHalf, toHalf, toHalfArray } from '../src/half.ts';
import { normal, uniform } from './numeric.ts';

/** The largest prime below 2^20. */
const BLOCK = 1_048_573;
const blocks = new Map<string, Float64Array>();

/** Normal numbers of one deviation, as `dtype` holds them, made when they are first asked for. */
export class Noise {
  readonly dtype: 'f16' | 'f32';
  readonly #make: () => Float64Array;
  #made: Float64Array | undefined;

  /** At least `n` numbers; the same seed gives the same ones. */
  constructor(seed: number, n: number, dtype: 'f16' | 'f32', deviation = 1) {
    this.dtype = dtype;
    const length = Math.min(n, BLOCK);
    const key = `${seed} ${length} ${dtype} ${deviation}`;
    this.#make = () => {
      const block = blocks.get(key) ?? normal(seed, length, dtype, deviation);
      blocks.set(key, block);
      return block;
    };
  }

  get #block(): Float64Array {
    return (this.#made ??= this.#make());
  }

  at(i: number): number {
    const block = this.#block;
    return block[i % block.length];
  }

  /** Elements from .. to - 1. */
  slice(from: number, to: number): Float64Array {
    return Float64Array.from({ length: to - from }, (_, i) => this.at(from + i));
  }

  tensor(gpu: Gpu, label: string, shape: readonly number[]): Tensor {
    const raw = this.dtype === 'f16' ? toHalfArray(this.#block) : Float32Array.from(this.#block);
    return repeated(gpu, label, this.dtype, shape, raw);
  }
}

/** Int4 weights with random nibbles, `offset16`: w = a q + b, of a deviation that keeps sums near one. */
export class Q4Noise {
  readonly N: number;
  readonly K: number;
  readonly group: number;
  readonly #words: Uint32Array;
  readonly #params: Uint32Array;

  constructor(N: number, K: number, group: number) {
    this.N = N;
    this.K = K;
    this.group = group;
    const next = uniform(2);
    this.#words = Uint32Array.from({ length: Math.min((N * K) / 8, BLOCK) }, () => next() * 2 ** 32);
    const scale = 1 / Math.sqrt(K);
    this.#params = Uint32Array.from({ length: Math.min((N * K) / group, 65_521) }, () => {
      const a = (0.15 + 0.15 * next()) * scale;
      return (toHalf(a) | (toHalf(-a * (6 + 3 * next())) << 16)) >>> 0;
    });
  }

  /** The bytes that a product reads of it. */
  get bytes(): number {
    return (this.N * this.K) / 2 + (4 * this.N * this.K) / this.group;
  }

  /** The largest of |a q| + |b|, which what a kernel computes of a weight is a share of. */
  get largest(): number {
    return 7.5 / Math.sqrt(this.K);
  }

  at(n: number, k: number): number {
    const i = n * this.K + k;
    const p = this.#params[Math.floor(i / this.group) % this.#params.length];
    const q = (this.#words[(i >>> 3) % this.#words.length] >>> (4 * (i & 7))) & 15;
    return fromHalf(p & 0xffff) * q + fromHalf(p >>> 16);
  }

  weight(gpu: Gpu): Q4Weight {
    const { N, K, group } = this;
    const words = repeated(gpu, 'words', 'u32', [N, K / 8], this.#words);
    const params = repeated(gpu, 'params', 'u32', [N, K / group], this.#params);
    return { kind: 'q4', N, K, group, meta: 'offset16', words, params };
  }
}

/** A tensor that holds `block` over and over. */
function repeated(
  gpu: Gpu,
  label: string,
  dtype: 'f16' | 'f32' | 'u32',
  shape: readonly number[],
  block: Float32Array | Uint16Array | Uint32Array,
): Tensor {
  const t = gpu.tensor(label, dtype, shape);
  const n = elements(shape);
  if (n <= block.length) {
    gpu.write(t, block.subarray(0, n));
    return t;
  }
  // Two blocks, since one of an odd number of halves would end within a word.
  const twice = new (block.constructor as Uint32ArrayConstructor)(2 * block.length) as typeof block;
  twice.set(block);
  twice.set(block, block.length);
  for (let at = 0; at < n; at += twice.length)
    gpu.write(t, twice.subarray(0, Math.min(twice.length, n - at)), at * BYTES[dtype]);
  return t;
}

export interface Output {
  /** Whether every element is a finite number: what was forgotten is still poison. */
  finite: boolean;
  at(i: number): number;
}

/** A result as it is stored, without a copy in doubles. */
export async function output(gpu: Gpu, t: Tensor): Promise<Output> {
  const raw = await gpu.read(t);
  if (t.dtype === 'f16') return { finite: raw.every((h) => (h & 0x7c00) !== 0x7c00), at: (i) => fromHalf(raw[i]) };
  return { finite: raw.every(Number.isFinite), at: (i) => raw[i] };
}

/** `count` places among n: the first, the last, and others at random. */
export function places(n: number, count: number, seed = 7): number[] {
  const next = uniform(seed);
  return [0, n - 1, ...Array.from({ length: count - 2 }, () => Math.floor(next() * n))];
}

/**
 * The largest error of a result over what is allowed, at the places that `expected` is asked for; infinite where
 * anything in it is not finite.
 */
export async function worst(
  gpu: Gpu,
  t: Tensor,
  at: readonly number[],
  expected: (i: number) => { value: number; allowed: number },
): Promise<number> {
  const result = await output(gpu, t);
  if (!result.finite) return Number.POSITIVE_INFINITY;
  return at.reduce((most, i) => {
    const { value, allowed } = expected(i);
    return Math.max(most, Math.abs(result.at(i) - value) / allowed);
  }, 0);
}

export interface ModelShape {
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  ffn: number;
}

/** Qwen2.5's published shapes. */
export const QWEN: Readonly<Record<'0.5B' | '1.5B' | '7B' | '32B', ModelShape>> = {
  '0.5B': { hidden: 896, heads: 14, kvHeads: 2, headDim: 64, ffn: 4864 },
  '1.5B': { hidden: 1536, heads: 12, kvHeads: 2, headDim: 128, ffn: 8960 },
  '7B': { hidden: 3584, heads: 28, kvHeads: 4, headDim: 128, ffn: 18944 },
  '32B': { hidden: 5120, heads: 40, kvHeads: 8, headDim: 128, ffn: 27648 },
};

/** [name, N, K] of the four linear layers of a decoder layer. */
export function projections(name: keyof typeof QWEN): [name: string, N: number, K: number][] {
  const { hidden, heads, kvHeads, headDim, ffn } = QWEN[name];
  return [
    [`${name} qkv`, (heads + 2 * kvHeads) * headDim, hidden],
    [`${name} o`, hidden, heads * headDim],
    [`${name} gate,up`, 2 * ffn, hidden],
    [`${name} down`, hidden, ffn],
  ];
}

/** Tokens of a training step that issue 6 measures: 16 queries of 144, and with them 112 passages of 32. */
export const TOKENS = [2304, 5888] as const;
