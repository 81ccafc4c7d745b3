/**
 * The gradients of a low-rank update y += scale · d(x) Aᵀ Bᵀ (Hu et al. 2021), d being dropout or nothing. With
 * H = d(x) Aᵀ and dH = scale · dy B, both f32 [M, r]:
 *
 *   dB = scale · dyᵀ H      dA = dHᵀ d(x)      dx += d(dH A)
 *
 * Four products by the linear layer's own kernels; dy is read twice, x twice, dx once, and all else is thin.
 */
import type { Dim, Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { dropout } from '../dropout/dropout.ts';
import { linearBackward } from '../linear/linear.backward.ts';
import { product } from '../linear/linear.product.ts';
import type { DropoutMask } from '../linear/shape.backward.ts';
import { type Region, weightGradient } from '../linear/weight_gradient.ts';
import type { DenseWeight, Lora } from '../linear/weights.ts';

export interface LoraBackward {
  /** [M, K], f16 or f32: the forward's input, before dropout */
  x: Tensor;
  lora: Lora;
  /** [M, ldy], f16 or f32 */
  dy: Tensor;
  /** First column of dy that belongs to this layer, default 0. */
  column?: number;
  /** How many rows there are, at most M. */
  rows: Dim;
  /** [M, K], f16 or f32: added to. Left out where nothing before x is trained. */
  dx?: Tensor;
  /** [r, K], f32 */
  dA: Region;
  /** [N, r], f32 */
  dB: Region;
  /** Adds to what dA and dB hold. */
  add?: boolean;
  /** f32 [M, r]: d(x) Aᵀ where the forward pass kept it; made again where not. */
  H?: Tensor;
  /** As in the forward pass. */
  dropout?: DropoutMask;
}

/** Records dA, dB and dx. Sums are f32 in a fixed order. Throws an Error where shapes do not fit each other. */
export function loraBackward(r: Recorder, a: LoraBackward): void {
  const { x, lora, dy, column, rows, dx, add, dropout: mask } = a;
  const { r: rank, scale, A, B } = lora;
  const M = dy.shape[0];
  const H = a.H ?? down(r, a);
  const dH = r.scratch('lora dH', 'f32', [M, rank]);
  linearBackward(r, { dy, column, weight: dense(B), dx: dH, rows, scale }, 'lora B');
  weightGradient(r, { dy, column, x: H, N: B.shape[0], dW: a.dB, rows, add, scale }, 'lora B');
  weightGradient(r, { dy: dH, x, N: rank, dW: a.dA, rows, add, dropout: mask }, 'lora A');
  if (dx) linearBackward(r, { dy: dH, weight: dense(A), dx, rows, add: true, dropout: mask }, 'lora A');
}

/** d(x) Aᵀ, as the forward pass made it. */
function down(r: Recorder, { x, lora, rows, dropout: mask }: LoraBackward): Tensor {
  const H = r.scratch('lora H', 'f32', [x.shape[0], lora.r]);
  const seen = mask ? r.scratch('dropped x', x.dtype, x.shape) : x;
  if (mask) dropout(r, { x, y: seen, rows, ...mask });
  product(r, { x: seen, weight: dense(lora.A), y: H, rows }, 'lora A');
  return H;
}

const dense = (t: Tensor): DenseWeight => ({
  kind: 'dense',
  N: t.shape[0],
  K: t.shape[1],
  data: t as DenseWeight['data'],
});
