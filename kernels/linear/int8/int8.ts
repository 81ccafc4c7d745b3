/**
 * x · Wᵀ in i8 for many rows: x quantised a row at a time, int4 weights made i8 with a scale a row, and the product of the two
 * on subgroup matrices i8 x i8 -> i32. Formulas and layouts: int8.*.wgsl.
 */
import type { Caps } from '../../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../../src/gpu/recorder.ts';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import { float, specialise, unroll } from '../../../src/gpu/wgsl.ts';
import { type Linear, shapeOf } from '../linear.types.ts';
import tileOrder from '../tile_order.wgsl' with { type: 'text' };
import { takeTurns } from '../turns.ts';
import type { Q4Weight } from '../weights.ts';
import bytes from './int8.bytes.wgsl' with { type: 'text' };
import quantizeSource from './int8.quantize.wgsl' with { type: 'text' };
import requantizeSource from './int8.requantize.wgsl' with { type: 'text' };
import source from './int8.wgsl' with { type: 'text' };

/** A workgroup makes BM x BN outputs, BK of k at a time; a subgroup WM x WN of them. */
export interface Int8Plan {
  BM: number;
  BN: number;
  BK: number;
  WM: number;
  WN: number;
  /** Tiles of M that run before the next of N. */
  GROUP_M: number;
}

/**
 * The first that fits is taken. On an H200 the first makes 528 to 581 TOP/s, the second, for few rows and for GPUs of less
 * workgroup memory, 475 to 526; eleven others: results/h200/int8.txt.
 */
export const INT8_PLANS: readonly Int8Plan[] = [
  { BM: 256, BN: 128, BK: 128, WM: 32, WN: 128, GROUP_M: 4 },
  { BM: 128, BN: 128, BK: 64, WM: 32, WN: 128, GROUP_M: 4 },
];

/** Sets of left matrices, and how many times 32 of k they are loaded ahead. */
const SETS = 4;
const AHEAD = 3;

/** Rows of i8 in tiles of 16 x 32, and what a row is multiplied by. */
export interface Int8Rows {
  /** i8 [rows rounded up to 16, K] and AHEAD tiles more, for loads that go past the end; four in a u32. */
  tiles: Tensor;
  /** f32 [rows] */
  scale: Tensor;
  /** Columns in the tiles: zeros fill them up. */
  K: number;
}

const padded = (n: number, to: number): number => to * Math.ceil(n / to);
const words = (rows: number, K: number): number => (padded(rows, 16) * K) / 4 + AHEAD * 128;

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

/** What linearInt8's product is called in profiles. */
export const INT8_LABEL = 'linear q4 int8';

/** A linear layer's call, without adapter: those are products of their own. */
export type Int8Linear = Omit<Linear, 'lora' | 'dropout' | 'H' | 'update'>;

/** The plan of a layer that can be run in i8: int4 weights in their own order, many rows. */
export function int8Plan(caps: Caps, a: Int8Linear): Int8Plan | undefined {
  const { weight, x } = a;
  if (weight.kind !== 'q4' || weight.perm || weight.group % 16 || x.dtype !== 'f16') return undefined;
  return INT8_PLANS.find((p) => int8Fits(caps, shapeOf(a), p));
}

/**
 * Records y[:, column ..] (+)= scale · x Wᵀ + bias with x and W as i8. W is made i8 anew each time, in memory that layers of
 * one shape share: as i8 all layers would take twice what they take as int4.
 */
export function linearInt8(r: Recorder, a: Int8Linear, p: Int8Plan): { x: Int8Rows; w: Int8Rows } {
  const { weight, rows, y, column, bias, add, scale } = a;
  if (weight.kind !== 'q4') throw new Error('int8: W is not int4');
  const x = quantizeRows(r, { x: a.x, rows, to: p.BK }, 'x');
  const w = int8Weight(r, weight, p.BK, 'W');
  requantizeW(r, weight, w);
  recordInt8(r, { x, w, N: weight.N, y, rows, column, bias, add, scale }, INT8_LABEL, p);
  return { x, w };
}

/** Records columns `column` .. + `K` of x [M, …], f16, as i8, and gives what lives until the next call of this shape and name. */
export function quantizeRows(
  r: Recorder,
  a: { x: Tensor; rows: Dim; column?: number; K?: number; to: number },
  name: string,
): Int8Rows {
  const { x, rows, column = 0 } = a;
  const [M, LD] = x.shape;
  const K = a.K ?? LD;
  if (x.dtype !== 'f16' || K % 32 || LD % 8 || column % 8) throw new Error(`${name}: ${x.label} does not fit`);
  const KP = padded(K, a.to);
  const tiles = r.scratch(`${name} as i8`, 'u32', [words(M, KP)]);
  const scale = r.scratch(`scales of ${name}`, 'f32', [M]);
  r.dispatch({
    label: 'int8 quantize',
    code: quantizeCode({ K, KP, LD, column }, r.gpu.description.software),
    bindings: [x, tiles, scale, rows],
    grid: () => fold(rows.count),
  });
  return { tiles, scale, K: KP };
}

/** The WGSL of quantizeRows. */
export function quantizeCode(s: { K: number; KP: number; LD: number; column: number }, loops = false): string {
  const { K, KP, LD, column } = s;
  // A row of a short K leaves no thread idle; a long one stays within some 60 registers up to K = 32,768.
  const T = KP <= 1024 ? 64 : 256;
  const CHUNKS = Math.ceil(KP / 16 / T);
  const constants = { K, KP, LD, COLUMN: column, T, CHUNKS, PAIRS: 2 * CHUNKS };
  const text = specialise(quantizeSource, { constants, include: [bytes] });
  return loops ? text : unroll(text, constants);
}

/** Memory for requantizeW's result, which calls of one name and shape share. */
export function int8Weight(r: Recorder, w: Pick<Q4Weight, 'N' | 'K'>, to: number, name: string): Int8Rows {
  const K = padded(w.K, to);
  return {
    tiles: r.scratch(`${name} as i8`, 'u32', [words(w.N, K)]),
    scale: r.scratch(`scales of ${name}`, 'f32', [w.N]),
    K,
  };
}

/** Records int4 weights made i8, into `out`. */
export function requantizeW(r: Recorder, weight: Q4Weight, out: Int8Rows): void {
  r.dispatch({
    label: `int8 requantize ${weight.meta}`,
    code: requantizeCode(weight, out.K, r.gpu.caps.maxInvocations),
    bindings: [weight.words, out.tiles, out.scale, weight.params],
    grid: fold(Math.ceil(weight.N / 16)),
  });
}

/** The WGSL of requantizeW. */
export function requantizeCode(w: Pick<Q4Weight, 'N' | 'K' | 'group' | 'meta'>, KP: number, most: number): string {
  const { N, K, group, meta } = w;
  if (K % 32 || group % 16) throw new Error(`int8 requantize: K ${K}, groups of ${group}`);
  return specialise(requantizeSource, {
    constants: {
      ...{ N, K, KP, GROUP: group, GROUPS: Math.ceil(K / group) },
      ...{ ZERO_POINT: meta === 'zero16', WIDE: meta === 'offset32' },
      // 16 rows a workgroup are few workgroups: a long row has more threads.
      T: Math.min(most, KP >= 2048 ? 1024 : 256),
    },
    include: [bytes],
  });
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
  if ((2 * KK) % SETS) throw new Error(`int8: sets of matrices do not come round in steps of ${p.BK}`);
  const constants = {
    ...{ M16: padded(M, 16), N, K: x.K, LDY: y.shape[1], COLUMN: column, SCALE: float(scale) },
    ...{ ADD: add, BIAS: a.bias !== undefined },
    ...{ BM: p.BM, BN: p.BN, BK: p.BK, WM: p.WM, WN: p.WN, GROUP_M: p.GROUP_M, T, STAGE: stageVectors(p), SETS, AHEAD },
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
