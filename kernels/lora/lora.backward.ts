/**
 * The gradients of a low-rank update y += scale · d(x) Aᵀ Bᵀ (Hu et al. 2021), d being dropout or nothing. With
 * H = d(x) Aᵀ and dH = scale · dy B, both f32 [M, r]:
 *
 *   dB = scale · dyᵀ H      dA = dHᵀ d(x)      dx += d(dH A)
 *
 * Four products by the linear layer's own kernels; dy is read twice, x twice, dx once, and all else is thin. Several
 * adapters side by side (`widths`) are four products between them: dH's and dB's take blocks of dy and H, which
 * linear/gemm.matrix.wgsl explains.
 */
import type { Dim, Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { type Gemm, gemmShape, planGemm, recordGemm } from '../linear/gemm.matrix.ts';
import { linearBackward } from '../linear/linear.backward.ts';
import type { DropoutMask } from '../linear/shape.backward.ts';
import { type Region, weightGradient } from '../linear/weight_gradient.ts';
import type { Lora } from '../linear/weights.ts';
import { blocksOf } from './group.ts';
import { dense, down } from './lora.ts';

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
  /** A's shape, f32 */
  dA: Region;
  /** B's shape, f32 */
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
  const [M, ranks] = [dy.shape[0], A.shape[0]];
  const H = a.H ?? r.scratch('lora H', 'f32', [x.shape[0], ranks]);
  if (!a.H) down(r, { x, A, H, rows, dropout: mask });
  const dH = r.scratch('lora dH', 'f32', [M, ranks]);
  if (lora.widths) {
    const [N, outLd] = [B.shape[0], rank];
    const left = { left: dy, leftColumn: column, rows, scale };
    const toH = { byRows: false, right: B, m: M, n: ranks, r: N, out: dH, outLd: ranks, blocks: blocksOf(lora, 'sum') };
    const toB = { byRows: true, right: H, m: N, n: rank, r: M, out: a.dB.data, outLd, blocks: blocksOf(lora, 'rows') };
    grouped(r, { ...left, ...toH }, 'lora B backward dense matrix');
    grouped(r, { ...left, ...toB, offset: a.dB.offset, add }, 'lora B weight gradient matrix');
  } else {
    linearBackward(r, { dy, column, weight: dense(B), dx: dH, rows, scale }, 'lora B');
    weightGradient(r, { dy, column, x: H, N: B.shape[0], dW: a.dB, rows, add, scale }, 'lora B');
  }
  weightGradient(r, { dy: dH, x, N: ranks, dW: a.dA, rows, add, dropout: mask }, 'lora A');
  if (dx) linearBackward(r, { dy: dH, weight: dense(A), dx, rows, add: true, dropout: mask }, 'lora A');
}

/** Records a product of adapters side by side, which only subgroup matrices serve. */
function grouped(r: Recorder, call: Gemm, label: string): void {
  const p = planGemm(r.gpu.caps, gemmShape(call));
  if (!p) throw new Error(`${label}: adapters side by side on a GPU or of widths that kernels/lora/group.ts refuses`);
  recordGemm(r, call, p, label);
}
