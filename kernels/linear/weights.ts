/**
 * What a linear layer's weight is on the GPU: W [N, K] (N outputs, K inputs; nn.Linear's layout), dense or int4.
 * The one int4 layout serves X·Wᵀ, dY·W and M = 1, whatever file the weight came from.
 */
import type { Tensor } from '../../src/gpu/tensor.ts';

/** How a group's two numbers (a, b) and a nibble q make a weight. */
export type Q4Meta =
  /** one u32 a group: f16 a (low), f16 b (high); w = a q + b. GGUF Q4_0 and Q4_1, our own quantiser. */
  | 'offset16'
  /** one u32 a group: f16 a, f16 b; w = a (q - b), b a small whole number. GPTQ and AWQ: exact. */
  | 'zero16'
  /** two u32 a group: f32 a, f32 b; w = a q + b. Q4_K: exact. */
  | 'offset32';

export interface Q4Weight {
  kind: 'q4';
  N: number;
  K: number;
  /** Consecutive k that share a scale; a multiple of 8. The last group of a row may be short. */
  group: number;
  meta: Q4Meta;
  /** u32 [N, ceil(K / 8)]: k = 8 w + i at bits 4 i. */
  words: Tensor;
  /** u32 [N, ceil(K / group)], or [N, 2 ceil(K / group)] for offset32. */
  params: Tensor;
  /** f32 [N] and [K], scales of W and of Wᵀ as i8: int8/operands.ts's `measureInt8` makes them where they are wanted. */
  int8?: { rows?: Tensor; columns?: Tensor };
  /** u32 [K], GPTQ act-order: the words' k-th column is x's column perm[k]. */
  perm?: Tensor;
}

export interface DenseWeight {
  kind: 'dense';
  N: number;
  K: number;
  /** [N, K]; f16 is read through unpack2x16float where the tier has no f16, so K must be even there. */
  data: Tensor & { dtype: 'f16' | 'f32' };
}

export type Weight = Q4Weight | DenseWeight;

/** A low-rank update: y += scale · B (A x) (Hu et al. 2021). */
export interface Lora {
  r: number;
  /** alpha / r, or alpha / sqrt(r) for rsLoRA. */
  scale: number;
  /** f32 [r, K] */
  A: Tensor;
  /** f32 [N, r] */
  B: Tensor;
  /**
   * Where several adapters of one rank read the same x and write neighbouring columns, as q, k and v do: how many columns
   * each one makes. Their A lie below each other in A [widths.length r, K], their B in B [Σ widths, r], so that they
   * are the products of one. Subgroup matrices alone do that: kernels/lora/group.ts says when.
   */
  widths?: readonly number[];
}
