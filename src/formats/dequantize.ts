/**
 * The numbers in stored weights, on the CPU: `dequantize` in float64 straight from the raw bits, and `packQ4`, the
 * run-time layout. Both are specifications, which the GPU's repack kernels are tested against, and not fast paths.
 */
import type { StoredDense, StoredLinear } from './stored.ts';

/**
 * Int4 weights in the run-time layout. W[n, k'] for the k' order of `words`, g = floor(k' / group):
 * offset16 and offset32: scale·q + offset; zero16: scale·(q − zero).
 */
export interface PackedQ4 {
  readonly N: number;
  readonly K: number;
  /** Consecutive k' that share a scale; the last group of a row is shorter where it does not divide K. */
  readonly group: number;
  /** [N, ceil(K/8)]: k' = 8w + i at bits 4i of word w; nibbles beyond K are 0. */
  readonly words: Uint32Array<ArrayBuffer>;
  readonly meta: 'offset16' | 'zero16' | 'offset32';
  /**
   * offset16, zero16: [N, ceil(K/group)], f16 scale in the low half, f16 offset or zero in the high half.
   * offset32: [N, ceil(K/group), 2], the bits of f32 scale and f32 offset.
   */
  readonly params: Uint32Array<ArrayBuffer>;
  /** Act-order: the activation that k' multiplies is x[perm[k']]. */
  readonly perm?: Uint32Array<ArrayBuffer>;
}

/** W in float64, row-major [N, K] (in the model's k order, act-order undone), exact from the stored bits. */
export declare function dequantize(stored: StoredLinear | StoredDense): Promise<Float64Array>;

/** The run-time layout of a stored int4 linear (gptq, awq, Q4_0, Q4_1, Q4_K). */
export declare function packQ4(stored: StoredLinear): Promise<PackedQ4>;

/**
 * Rows begin..end of weights that are not int4 (F32, F16, BF16, Q8_0, Q6_K), as f32, row-major, exact
 * (a bf16 or a product may lie beyond f16's range: the caller decides).
 */
export declare function unpackDense(
  stored: StoredLinear | StoredDense,
  begin?: number,
  end?: number,
): Promise<Float32Array<ArrayBuffer>>;

/** Quantises W f32 [N, K] to 4 bits, offset16, by the minimum and maximum of each group of k. */
export declare function quantizeQ4(W: Float32Array, N: number, K: number, group?: number): PackedQ4;

/** W [N, K] of packed weights, float64, back in the model's k order. */
export declare function unpackQ4(packed: PackedQ4): Float64Array;
