/**
 * x · Wᵀ and dY · W in i8 for many rows: both operands made i8 (operands.ts), and their product on subgroup matrices
 * i8 x i8 -> i32. Formula and layouts: int8.wgsl.
 */
import type { Caps } from '../../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../../src/gpu/recorder.ts';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import { float, specialise, unroll } from '../../../src/gpu/wgsl.ts';
import type { LinearBackward } from '../linear.backward.ts';
import { type Linear, shapeOf } from '../linear.types.ts';
import tileOrder from '../tile_order.wgsl' with { type: 'text' };
import { takeTurns } from '../turns.ts';
import source from './int8.wgsl' with { type: 'text' };
import { type Int8Rows, int8Weight, padded, quantizeRows, requantize } from './operands.ts';

/** A workgroup makes BM x BN outputs, BK of k at a time; a subgroup WM x WN of them. */
export interface Int8Plan {
  BM: number;
  BN: number;
  BK: number;
  WM: number;
  WN: number;
  /** Tiles of M that run before the next of N. */
  GROUP_M: number;
  /** How many times 32 of k left matrices are loaded before they are multiplied: 1 or 3. */
  AHEAD: number;
}

/**
 * The first that fits is taken. On an H200 the first makes 528 to 581 TOP/s, the second, for few rows and for GPUs of less
 * workgroup memory, 475 to 526; eleven others: results/h200/int8.txt.
 */
export const INT8_PLANS: readonly Int8Plan[] = [
  { BM: 256, BN: 128, BK: 128, WM: 32, WN: 128, GROUP_M: 4, AHEAD: 3 },
  { BM: 128, BN: 128, BK: 64, WM: 32, WN: 128, GROUP_M: 4, AHEAD: 3 },
];

const threads = (p: Int8Plan): number => (p.BM / p.WM) * (p.BN / p.WN) * 32;
/** Vectors of a stage, which the epilogue's 16 rows of six for each subgroup must fit too. */
const stageVectors = (p: Int8Plan): number => Math.max(p.BN * (p.BK / 16 + 1), (threads(p) / 32) * 16 * 6);

export interface Int8Shape {
  M: number;
  N: number;
  K: number;
  ldy: number;
  column: number;
}

/** Whether a plan can run a shape. Pure. */
export function int8Fits(caps: Caps, s: Int8Shape, p: Int8Plan): boolean {
  if (!caps.matrixI8 || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  if (s.K % 32 || s.N % 4 || s.ldy % 4 || s.column % 4 || s.K > 131072) return false;
  if (padded(s.M, 16) < p.BM || padded(s.N, 16) < p.BN || (p.BN * p.BK) % (16 * threads(p))) return false;
  return threads(p) <= caps.maxInvocations && 2 * 16 * stageVectors(p) <= caps.maxWorkgroupStorage;
}

/** What the products are called in profiles. */
export const INT8_LABEL = 'linear q4 int8';
export const INT8_BACKWARD_LABEL = 'linear backward q4 int8';

/** A linear layer's call, without adapter: those are products of their own. */
export type Int8Linear = Omit<Linear, 'lora' | 'dropout' | 'H' | 'update'>;
/** A linear layer's backward call: dx (+)= scale · dy W. */
export type Int8Backward = Omit<LinearBackward, 'dropout'>;

/** The plan of a layer that can be run in i8: int4 weights in their own order, many rows. Pure. */
export function int8Plan(caps: Caps, a: Int8Linear): Int8Plan | undefined {
  const { weight, x } = a;
  if (weight.kind !== 'q4' || !int8Weight(weight) || x.dtype !== 'f16') return undefined;
  return INT8_PLANS.find((p) => int8Fits(caps, shapeOf(a), p));
}

/** The plan of a layer's gradient. Pure. */
export function int8BackwardPlan(caps: Caps, { dy, column = 0, weight, dx }: Int8Backward): Int8Plan | undefined {
  if (weight.kind !== 'q4' || !int8Weight(weight) || weight.N % 32 || dy.dtype !== 'f16') return undefined;
  if (dy.shape[1] % 8 || column % 8) return undefined;
  const shape = { M: dy.shape[0], N: weight.K, K: weight.N, ldy: dx.shape[1], column: 0 };
  return INT8_PLANS.find((p) => int8Fits(caps, shape, p));
}

/** Records y[:, column ..] (+)= scale · x Wᵀ + bias with x and W as i8, made so within the call. */
export function linearInt8(r: Recorder, a: Int8Linear, p: Int8Plan): { x: Int8Rows; w: Int8Rows } {
  const { weight, rows, y, column, bias, add, scale } = a;
  if (weight.kind !== 'q4') throw new Error('int8: W is not int4');
  const x = quantizeRows(r, { x: a.x, rows, to: p.BK }, 'x');
  const w = requantize(r, weight, 'rows', p.BK, 'W');
  recordInt8(r, { x, w, N: weight.N, y, rows, column, bias, add, scale }, INT8_LABEL, p);
  return { x, w };
}

/**
 * Records dx (+)= scale · dy W with dy and W as i8 (the gradient of SwitchBack, Wortsman et al. 2023, with a scale for each
 * column of W).
 */
export function linearBackwardInt8(r: Recorder, a: Int8Backward, p: Int8Plan): { x: Int8Rows; w: Int8Rows } {
  const { weight, dy, column, dx, rows, add, scale } = a;
  if (weight.kind !== 'q4') throw new Error('int8: W is not int4');
  const w = requantize(r, weight, 'columns', p.BK, 'transposed W');
  const x = quantizeRows(r, { x: dy, rows, column, K: weight.N, to: p.BK }, 'dy');
  recordInt8(r, { x, w, N: weight.K, y: dx, rows, add, scale }, INT8_BACKWARD_LABEL, p);
  return { x, w };
}

/** y[m, column + n] (+)= scale · Σk x[m, k] W[n, k] + bias[n] */
export interface Int8Product {
  x: Int8Rows;
  w: Int8Rows;
  N: number;
  /** [M, ldy], f16 or f32, as many rows as x had. */
  y: Tensor;
  column?: number;
  rows: Dim;
  bias?: Tensor;
  add?: boolean;
  scale?: number;
}

/** The WGSL of a product. `loops`: leave the loops over matrices as they are: a software driver compiles for minutes else. */
export function int8Code(a: Int8Product, M: number, p: Int8Plan, loops = false): string {
  const { x, N, y, column = 0, add = false, scale = 1 } = a;
  const T = threads(p);
  const KK = p.BK / 32;
  if ((2 * KK) % (p.AHEAD + 1)) throw new Error(`int8: sets of matrices do not come round in steps of ${p.BK}`);
  const constants = {
    ...{ M16: padded(M, 16), N, K: x.K, LDY: y.shape[1], COLUMN: column, SCALE: float(scale) },
    ...{ ADD: add, BIAS: a.bias !== undefined },
    ...{
      BM: p.BM,
      BN: p.BN,
      BK: p.BK,
      WM: p.WM,
      WN: p.WN,
      GROUP_M: p.GROUP_M,
      T,
      STAGE: stageVectors(p),
      SETS: p.AHEAD + 1,
      AHEAD: p.AHEAD,
    },
    ...{ FM: p.WM / 16, FN: p.WN / 16, KK, KK_FN: (KK * p.WN) / 16, W_LOADS: (p.BN * p.BK) / 16 / T, HALVES: 2 },
  };
  const text = specialise(takeTurns(source, x.K / p.BK), {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    alias: { Y: y.dtype },
    constants,
    include: [tileOrder],
  });
  return loops ? text : unroll(text, constants);
}

/** Records a product that fits. */
export function recordInt8(r: Recorder, a: Int8Product, label: string, p: Int8Plan): void {
  if (a.x.K !== a.w.K || a.x.K % p.BK) throw new Error(`${label}: columns of tiles, ${a.x.K} and ${a.w.K}, by ${p.BK}`);
  // A layout is made of what the text names, so that a bias is bound even where there is none to read.
  const bias = a.bias ?? r.scratch('no bias', 'f32', [4]);
  r.dispatch({
    label,
    code: int8Code(a, a.x.scale.shape[0], p, r.gpu.description.software),
    bindings: [a.x.tiles, a.w.tiles, a.y, a.rows, a.x.scale, a.w.scale, bias],
    grid: () => fold(Math.ceil(a.rows.count / p.BM) * Math.ceil(a.N / p.BN)),
  });
}
