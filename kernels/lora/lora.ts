/**
 * A low-rank update, y[:, column ..] += scale · (x Aᵀ) Bᵀ (Hu et al. 2021), as two linear products: H = x Aᵀ, f32,
 * for all ranks in one pass over x, then H Bᵀ added to y, which is read and written once.
 */
import type { Dim, Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { product } from '../linear/linear.product.ts';
import type { DenseWeight, Lora } from '../linear/weights.ts';

export interface LoraUpdate {
  /** [M, K], f16 or f32 */
  x: Tensor;
  lora: Lora;
  /** [M, ldy], f16 or f32 */
  y: Tensor;
  /** How many rows there are, at most M. */
  rows: Dim;
  /** First column of y that is added to, default 0. */
  column?: number;
}

/** Records the update. Throws an Error where A, B, x and y do not fit each other. */
export function lora(r: Recorder, { x, lora: { r: rank, scale, A, B }, y, rows, column }: LoraUpdate): void {
  const H = r.scratch('lora H', 'f32', [x.shape[0], rank]);
  product(r, { x, weight: dense(A), y: H, rows }, 'lora A');
  product(r, { x: H, weight: dense(B), y, rows, column, scale, add: true }, 'lora B');
}

const dense = (t: Tensor): DenseWeight => ({
  kind: 'dense',
  N: t.shape[0],
  K: t.shape[1],
  data: t as DenseWeight['data'],
});
