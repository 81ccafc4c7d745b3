/** The gradient of a linear layer with respect to its input, dX = dY · W. Formula and layouts: linear.backward.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Dim, Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { type Constant, specialise } from '../../src/gpu/wgsl.ts';
import { maskWgsl } from '../dropout/mask.ts';
import backwardDense from './backward.dense.wgsl' with { type: 'text' };
import backwardQ4 from './backward.q4.wgsl' with { type: 'text' };
import denseF16Scalar from './dense.f16.scalar.wgsl' with { type: 'text' };
import denseF16Vec4 from './dense.f16.vec4.wgsl' with { type: 'text' };
import denseF32Scalar from './dense.f32.scalar.wgsl' with { type: 'text' };
import denseF32Vec4 from './dense.f32.vec4.wgsl' with { type: 'text' };
import dxScalar from './dx.scalar.wgsl' with { type: 'text' };
import dxVec4 from './dx.vec4.wgsl' with { type: 'text' };
import dyScalar from './dy.scalar.wgsl' with { type: 'text' };
import dyVec4 from './dy.vec4.wgsl' with { type: 'text' };
import { type GemmPlan, planGemm, recordGemm } from './gemm.matrix.ts';
import source from './linear.backward.wgsl' with { type: 'text' };
import { expectedClocks, matrixPlans } from './linear.matrix.ts';
import { recordTall, TALL, type TallPlan, tallClocks, tallFits } from './linear.tall.ts';
import maskDropout from './mask.dropout.wgsl' with { type: 'text' };
import maskDropout1 from './mask.dropout1.wgsl' with { type: 'text' };
import maskNone from './mask.none.wgsl' with { type: 'text' };
import q4 from './q4.wgsl' with { type: 'text' };
import { backwardUniform, type DropoutMask } from './shape.backward.ts';
import backwardShape from './shape.backward.wgsl' with { type: 'text' };
import { sumParts } from './sum_parts.ts';
import type { Weight } from './weights.ts';

/** dx[m, k] (+)= scale · Σn dy[m, column + n] W[n, k], for m < rows. Nothing else of dx is touched. */
export interface LinearBackward {
  /** [M, ldy], f16 or f32 */
  dy: Tensor;
  /** First column of dy that belongs to this layer, default 0. */
  column?: number;
  /** The forward's. Act-order weights scatter their columns back. */
  weight: Weight;
  /** [M or more, K], f16 or f32 */
  dx: Tensor;
  /** How many rows there are, at most M. */
  rows: Dim;
  /** Adds to what dx holds. */
  add?: boolean;
  /** The forward's, default 1. Where swiglu's inverse follows, both may be left out of the backward pass. */
  scale?: number;
  /** Multiplies the product by the mask that the forward pass put on x [M, K]: an adapter's, so W is dense. */
  dropout?: DropoutMask;
}

/** The numbers that a plan looks at. */
export interface BackwardShape {
  /** Most rows there can be. */
  M: number;
  N: number;
  K: number;
  /** How W is stored: u32 where it is int4. */
  w: 'f16' | 'f32' | 'u32';
  dy: 'f16' | 'f32';
  /** int4: consecutive k that share a scale. */
  group?: number;
  /** Columns of dy's tensor, default N, and the first that is the layer's, default 0. */
  ldy?: number;
  column?: number;
  /** Act-order weights scatter the columns of dx; an adapter's are masked. */
  scattered?: boolean;
  masked?: boolean;
}

/** Register tiles over workgroup memory: any GPU, any shape. */
export interface BackwardTile {
  form: 'tile';
  /** A workgroup makes TM x TK outputs, STEP of N at a time; a thread 4 BM x 4 BK of them. */
  TM: number;
  TK: number;
  STEP: number;
  BM: number;
  BK: number;
  WG: number;
  /** Spans that N is cut into, summed apart. */
  splits: number;
  /** What operands are staged as: f16 where neither has more. */
  stage: 'f16' | 'f32';
}

export type BackwardPlan = BackwardTile | GemmPlan | TallPlan;

/** Workgroups that fill a large GPU, and the shortest sum that is worth cutting up. */
const ENOUGH = 512;
const LEAST_SPAN = 128;

/** The form and tile for a shape: subgroup matrices where they serve it (planGemm says which they do not). Pure. */
export function planBackward(caps: Caps, s: BackwardShape): BackwardPlan {
  const { M: m, K: n, N: r, ldy: leftLd = s.N, column: leftColumn = 0, dy: left, w: right, group } = s;
  const gemm = planGemm(caps, { m, n, r, byRows: false, left, right, group, leftLd, leftColumn });
  const tall = {
    M: m,
    N: n,
    K: r,
    x: left,
    w: right,
    group,
    byK: true,
    ldx: leftLd,
    first: leftColumn,
    ldy: n,
    column: 0,
  };
  if (s.scattered || s.masked || !tallFits(caps, tall)) return gemm ?? planBackwardTile(s);
  // The tile of 128 x 128 costs what the forward's does. What gets smaller ones has too few of them to fill this form's.
  if (gemm && (gemm.BM < 128 || gemm.splits > 1 || forwardClocks(m, n, r) < tallClocks(tall))) return gemm;
  return TALL;
}

function forwardClocks(M: number, N: number, K: number): number {
  const shape = { M, N, K, kind: 'q4', w: 'u32', x: 'f16', y: 'f16', ldy: N, column: 0 } as const;
  return expectedClocks(shape, matrixPlans()[0]);
}

/** The register tile for a shape. Pure. */
export function planBackwardTile(s: BackwardShape): BackwardTile {
  const TK = s.K <= 32 ? 32 : 64;
  const TM = s.M <= 16 ? 16 : s.M <= 32 || TK === 32 ? 32 : 64;
  const blocks = TM === 64 ? 2 : 1;
  const groups = Math.ceil(s.M / TM) * Math.ceil(s.K / TK);
  const splits = Math.max(1, Math.min(Math.floor(ENOUGH / groups), Math.floor(s.N / LEAST_SPAN), 16));
  const stage = s.dy === 'f16' && s.w !== 'f32' ? 'f16' : 'f32';
  const WG = (TM / 4 / blocks) * (TK / 4 / blocks);
  return { form: 'tile', TM, TK, STEP: 16, BM: blocks, BK: blocks, WG, splits, stage };
}

/**
 * Records dx (+)= scale · dy · W. Sums are f32 in a fixed order. `p`: another plan than the shape's own.
 * Throws an Error where shapes do not fit each other.
 */
export function linearBackward(r: Recorder, a: LinearBackward, label = 'linear', p?: BackwardPlan): void {
  const { dy, weight, dx, rows, column = 0 } = a;
  const { N, K } = weight;
  const [M, ldy] = dy.shape;
  const wrong = (what: string) => new Error(`${label} backward ${dy.label} -> ${dx.label}: ${what}`);
  if (dx.shape[1] !== K) throw wrong(`dx has ${dx.shape[1]} columns and W takes ${K}`);
  if (dx.shape[0] < M) throw wrong(`dx has ${dx.shape[0]} rows and dy up to ${M}`);
  if (column + N > ldy) throw wrong(`columns ${column} to ${column + N} are not in dy's ${ldy}`);
  if (dy.dtype === 'u32' || dx.dtype === 'u32') throw wrong('dy and dx must be f16 or f32');
  if (weight.kind === 'q4' && weight.group % 8) throw wrong(`group ${weight.group} is not a multiple of 8`);

  if (weight.kind === 'q4' && a.dropout) throw wrong('only dense weights are behind a dropout');
  const w = weight.kind === 'q4' ? 'u32' : weight.data.dtype;
  const group = weight.kind === 'q4' ? weight.group : undefined;
  const scattered = weight.kind === 'q4' && weight.perm !== undefined;
  const shaped: BackwardShape = {
    M,
    N,
    K,
    w,
    dy: dy.dtype,
    group,
    ldy,
    column,
    scattered,
    masked: a.dropout !== undefined,
  };
  const plan = p ?? planBackward(r.gpu.caps, shaped);
  if (plan.form === 'tall') {
    const { add, scale } = a;
    recordTall(r, { x: dy, first: column, weight, byK: true, y: dx, rows, add, scale }, `${label} backward`);
    return;
  }
  if (plan.form === 'matrix') {
    const right = weight.kind === 'q4' ? weight : weight.data;
    const mask = a.dropout && { ...a.dropout, on: 'out' as const };
    const { add, scale } = a;
    const product = { left: dy, leftColumn: column, byRows: false, right, m: M, n: K, r: N, out: dx, outLd: K };
    recordGemm(r, { ...product, rows, add, scale, dropout: mask }, plan, `${label} backward ${weight.kind} matrix`);
    return;
  }
  const { form: _, splits: parts, stage, ...tile } = plan;
  const splits = a.dropout ? 1 : parts;
  const target = splits > 1 ? r.scratch('dx parts', 'f32', [splits, M, K]) : dx;
  const epilogue = { scale: a.scale ?? 1, add: a.add ?? false };
  const perm = weight.kind === 'q4' ? weight.perm : undefined;
  const shape = backwardUniform(r.gpu, {
    ...{ N, K, ldy, column, group, perm: perm !== undefined },
    ...(splits > 1 ? {} : epilogue),
    ...{ span: Math.ceil(N / splits / tile.STEP) * tile.STEP, part: M, dropout: a.dropout },
  });
  const constants: Record<string, Constant> = { ...tile, ROLLED: r.gpu.description.software };
  const include = [backwardShape, N % 4 || ldy % 4 || column % 4 ? dyScalar : dyVec4];
  include.push(
    ...(a.dropout ? [maskWgsl, K % 4 ? maskDropout1 : maskDropout] : [maskNone]),
    K % 4 || perm ? dxScalar : dxVec4,
  );
  const bindings = [target, weight.kind === 'q4' ? weight.words : weight.data, dy, rows, shape];
  if (weight.kind === 'q4') {
    // A layout is made of what the text names, so that a permutation is bound even where there is none to read.
    bindings.push(perm ?? r.scratch('no permutation', 'u32', [4]), weight.params);
    const { meta } = weight;
    Object.assign(constants, { GROUP: weight.group, ZERO_POINT: meta === 'zero16', WIDE: meta === 'offset32' });
    include.push(q4, backwardQ4);
  } else {
    if (a.dropout) bindings.push(a.dropout.state);
    if (w === 'f16') include.push(K % 4 ? denseF16Scalar : denseF16Vec4);
    else include.push(K % 4 ? denseF32Scalar : denseF32Vec4);
    include.push(backwardDense);
  }
  r.dispatch({
    label: `${label} backward ${weight.kind}`,
    code: specialise(source, {
      enable: [dy.dtype, target.dtype, stage].includes('f16') ? ['f16'] : [],
      alias: { DY: dy.dtype, DX: target.dtype, Stage: stage },
      constants,
      include,
    }),
    bindings,
    grid: () => [Math.ceil(K / tile.TK), Math.ceil(rows.count / tile.TM), splits],
  });
  if (splits > 1) sumParts(r, { parts: target, out: dx, rows, ...epilogue });
}
