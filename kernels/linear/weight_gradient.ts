/** The gradient of a linear layer with respect to its dense weight, dW = dYᵀ · x. Formula: weight_gradient.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Dim, Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import { maskWgsl } from '../dropout/mask.ts';
import dyScalar from './dy.scalar.wgsl' with { type: 'text' };
import dyVec4 from './dy.vec4.wgsl' with { type: 'text' };
import { type GemmPlan, planGemm, recordGemm } from './gemm.matrix.ts';
import maskDropout from './mask.dropout.wgsl' with { type: 'text' };
import maskDropout1 from './mask.dropout1.wgsl' with { type: 'text' };
import maskNone from './mask.none.wgsl' with { type: 'text' };
import { backwardUniform, type DropoutMask } from './shape.backward.ts';
import backwardShape from './shape.backward.wgsl' with { type: 'text' };
import { sumParts } from './sum_parts.ts';
import source from './weight_gradient.wgsl' with { type: 'text' };
import xScalar from './x.scalar.wgsl' with { type: 'text' };
import xVec4 from './x.vec4.wgsl' with { type: 'text' };

/** Where a gradient [N, K] lies: from element `offset` (default 0) of an f32 tensor on. */
export interface Region {
  data: Tensor;
  offset?: number;
}

/** dW[n, k] (+)= scale · Σm dy[m, column + n] x[m, k], m < rows. */
export interface WeightGradient {
  /** [M, ldy], f16 or f32 */
  dy: Tensor;
  /** First column of dy that belongs to this layer, default 0. */
  column?: number;
  /** [M or more, K], f16 or f32 */
  x: Tensor;
  N: number;
  dW: Region;
  /** How many rows there are, at most M. With none dW is 0, or stays as it is where it is added to. */
  rows: Dim;
  /** Adds to what dW holds. */
  add?: boolean;
  /** Default 1. */
  scale?: number;
  /** The mask that the forward pass put on x. */
  dropout?: DropoutMask;
}

/** Register tiles over workgroup memory: any GPU, any shape. */
export interface WeightGradientTile {
  form: 'tile';
  /** A workgroup makes TN x TK outputs, STEP rows at a time; a thread 4 BN x 4 BK of them. */
  TN: number;
  TK: number;
  STEP: number;
  BN: number;
  BK: number;
  WG: number;
  /** Spans that the rows are cut into, summed apart. */
  splits: number;
  /** What operands are staged as: f16 where neither has more. */
  stage: 'f16' | 'f32';
}

export type WeightGradientPlan = WeightGradientTile | GemmPlan;

/** The numbers that a plan looks at. */
export interface WeightGradientShape {
  /** Most rows there can be. */
  M: number;
  N: number;
  K: number;
  dy: 'f16' | 'f32';
  x: 'f16' | 'f32';
  /** Columns of dy's tensor, default N, and the first that is the layer's, default 0. */
  ldy?: number;
  column?: number;
}

/** Workgroups that fill a large GPU, and the fewest rows that are worth a part of their own. */
const ENOUGH = 512;
const LEAST_SPAN = 128;

/** The form and tile for a shape: subgroup matrices where they serve it (planGemm says which they do not). Pure. */
export function planWeightGradient(caps: Caps, s: WeightGradientShape): WeightGradientPlan {
  const { N: m, K: n, M: r, dy: left, x: right, ldy: leftLd = s.N, column: leftColumn = 0 } = s;
  return planGemm(caps, { m, n, r, byRows: true, left, right, leftLd, leftColumn }) ?? planWeightGradientTile(s);
}

/** The register tile for a shape. Pure. */
export function planWeightGradientTile(s: WeightGradientShape): WeightGradientTile {
  const TN = s.N <= 32 ? 32 : 64;
  const TK = s.K <= 32 ? 32 : 64;
  const blocks = TN === 64 && TK === 64 ? 2 : 1;
  const groups = Math.ceil(s.N / TN) * Math.ceil(s.K / TK);
  const splits = Math.max(1, Math.min(Math.floor(ENOUGH / groups), Math.floor(s.M / LEAST_SPAN), 32));
  const stage = s.dy === 'f16' && s.x === 'f16' ? 'f16' : 'f32';
  const WG = (TN / 4 / blocks) * (TK / 4 / blocks);
  return { form: 'tile', TN, TK, STEP: 16, BN: blocks, BK: blocks, WG, splits, stage };
}

/**
 * Records dW (+)= scale · dyᵀ x. Sums are f32 in a fixed order. `p`: another plan than the shape's own.
 * Throws an Error where shapes do not fit each other.
 */
export function weightGradient(r: Recorder, a: WeightGradient, label = 'linear', p?: WeightGradientPlan): void {
  const { dy, x, N, dW, rows, column = 0 } = a;
  const [M, ldy] = dy.shape;
  const [, K] = x.shape;
  const wrong = (what: string) => new Error(`${label} weight gradient ${dy.label}, ${x.label}: ${what}`);
  if (x.shape[0] < M) throw wrong(`x has ${x.shape[0]} rows and dy up to ${M}`);
  if (column + N > ldy) throw wrong(`columns ${column} to ${column + N} are not in dy's ${ldy}`);
  const { data, offset = 0 } = dW;
  if (data.dtype !== 'f32' || offset + N * K > data.bytes / 4)
    throw wrong(`dW does not fit ${data.label} at ${offset}`);
  if (dy.dtype === 'u32' || x.dtype === 'u32') throw wrong('dy and x must be f16 or f32');

  const plan = p ?? planWeightGradient(r.gpu.caps, { M, N, K, dy: dy.dtype, x: x.dtype, ldy, column });
  if (plan.form === 'matrix') {
    const mask = a.dropout && { ...a.dropout, on: 'right' as const };
    const product = { left: dy, leftColumn: column, byRows: true, right: x, m: N, n: K, r: M, out: data, outLd: K };
    const { add, scale } = a;
    recordGemm(r, { ...product, offset, rows, add, scale, dropout: mask }, plan, `${label} weight gradient matrix`);
    return;
  }
  const { form: _, splits, stage, ...tile } = plan;
  const target = splits > 1 ? r.scratch('dW parts', 'f32', [splits, N, K]) : data;
  const epilogue = { scale: a.scale ?? 1, add: a.add ?? false, offset };
  const shape = backwardUniform(r.gpu, {
    ...{ N, K, ldy, column, part: N * K, dropout: a.dropout },
    ...(splits > 1 ? {} : epilogue),
  });
  const include = [backwardShape, K % 4 ? xScalar : xVec4, N % 4 || ldy % 4 || column % 4 ? dyScalar : dyVec4];
  include.push(...(a.dropout ? [maskWgsl, K % 4 ? maskDropout1 : maskDropout] : [maskNone]));
  r.dispatch({
    label: `${label} weight gradient`,
    code: specialise(source, {
      enable: [dy.dtype, x.dtype].includes('f16') ? ['f16'] : [],
      alias: { DY: dy.dtype, X: x.dtype, Stage: stage },
      constants: { ...tile, SPLITS: splits, ROLLED: r.gpu.description.software },
      include,
    }),
    bindings: [x, target, dy, rows, shape, ...(a.dropout ? [a.dropout.state] : [])],
    grid: [Math.ceil(K / tile.TK), Math.ceil(N / tile.TN), splits],
  });
  if (splits > 1) sumParts(r, { parts: target, out: data, rows: r.gpu.dim('rows of dW', N), ...epilogue });
}
