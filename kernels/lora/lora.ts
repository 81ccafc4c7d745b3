/**
 * A low-rank update, y[:, column ..] += scale · (d(x) Aᵀ) Bᵀ (Hu et al. 2021), d being dropout while training and
 * nothing else, as two linear products: H = d(x) Aᵀ, f32, for all ranks in one pass over x, then H Bᵀ added to y, which
 * is read and written once. Several adapters side by side (`widths`) have one H between them. On subgroup matrices
 * (down.wgsl, linear/gemm.matrix.wgsl) x is masked as it is staged, elsewhere into a copy.
 */
import type { Dim, Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { dropout } from '../dropout/dropout.ts';
import { gemmShape, planGemm, recordGemm } from '../linear/gemm.matrix.ts';
import { product } from '../linear/linear.product.ts';
import type { DropoutMask } from '../linear/shape.backward.ts';
import type { DenseWeight, Lora } from '../linear/weights.ts';
import { downShape, planDown, recordDown } from './down.ts';
import { blocksOf } from './group.ts';

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
  /** Masks the x that the adapter sees; `loraBackward` takes the same. */
  dropout?: DropoutMask;
  /** f32 [M, r], or [M, widths.length r]: where to keep d(x) Aᵀ for `loraBackward`; else it is gone after the call. */
  H?: Tensor;
  /** `downAhead` made H of this recording's call. */
  ahead?: boolean;
}

/** Records the update. Throws an Error where A, B, x, y and H do not fit each other. */
export function lora(r: Recorder, a: LoraUpdate): void {
  const { x, lora, y, rows, column } = a;
  const { A } = lora;
  const M = x.shape[0];
  const ranks = A.shape[0];
  const H = a.H ?? r.scratch('lora H', 'f32', [M, ranks]);
  if (H.dtype !== 'f32' || H.shape[1] !== ranks)
    throw new Error(`lora ${x.label} -> ${y.label}: H must be f32 [${M}, ${ranks}]`);
  if (!a.ahead) down(r, { x, A, H, rows, dropout: a.dropout });
  up(r, { H, lora, y, rows, column });
}

export interface LoraDown {
  /** [M, K] */
  x: Tensor;
  /** f32 [r, K] */
  A: Tensor;
  /** f32 [M, r] */
  H: Tensor;
  rows: Dim;
  dropout?: DropoutMask;
}

/** Records H = d(x) Aᵀ: the first half of the update, which a backward pass that kept no H makes again. */
export function down(r: Recorder, { x, A, H, rows, dropout: mask }: LoraDown): void {
  const atOnce = planDown(r.gpu.caps, downShape(x, A));
  if (atOnce) {
    recordDown(r, { x, A, H, rows, dropout: mask }, atOnce);
    return;
  }
  const [[M, K], n] = [x.shape, A.shape[0]];
  const call = { left: x, byRows: false, right: A, rightByN: true, m: M, n, r: K, out: H, outLd: n, rows };
  const p = planGemm(r.gpu.caps, gemmShape(call));
  if (p) {
    recordGemm(r, { ...call, dropout: mask && { ...mask, on: 'left' } }, p, 'lora A dense matrix');
    return;
  }
  const seen = mask ? r.scratch('dropped x', x.dtype, x.shape) : x;
  if (mask) dropout(r, { x, y: seen, rows, ...mask });
  product(r, { x: seen, weight: dense(A), y: H, rows }, 'lora A');
}

interface LoraUp {
  /** f32 [M, r], or [M, widths.length r] */
  H: Tensor;
  lora: Lora;
  /** [M, ldy] */
  y: Tensor;
  rows: Dim;
  column?: number;
}

/** Records y[:, column ..] += scale · H Bᵀ, of every adapter with its own columns of H. */
function up(r: Recorder, { H, lora, y, rows, column }: LoraUp): void {
  const { r: rank, B, scale } = lora;
  const [M, n] = [H.shape[0], B.shape[0]];
  const placed = { out: y, outLd: y.shape[1], rows, blocks: blocksOf(lora, 'columns') };
  const call = { left: H, byRows: false, right: B, rightByN: true, m: M, n, r: rank, ...placed };
  const p = planGemm(r.gpu.caps, gemmShape(call));
  if (p) recordGemm(r, { ...call, outColumn: column, scale, add: true }, p, 'lora B dense matrix');
  else if (lora.widths)
    throw new Error(`lora B: ${n} columns side by side on a GPU or of widths that group.ts refuses`);
  else product(r, { x: H, weight: dense(B), y, rows, column, scale, add: true }, 'lora B');
}

export const dense = (t: Tensor): DenseWeight => ({
  kind: 'dense',
  N: t.shape[0],
  K: t.shape[1],
  data: t as DenseWeight['data'],
});
