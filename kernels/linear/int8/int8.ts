/**
 * x · Wᵀ in i8 for many rows: x quantised a row at a time, int4 weights made i8 with a scale a row, and the product of the two
 * on subgroup matrices i8 x i8 -> i32. Formulas and layouts: int8.*.wgsl.
 */
import type { Caps } from '../../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../../src/gpu/recorder.ts';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import { specialise, unroll } from '../../../src/gpu/wgsl.ts';
import tileOrder from '../tile_order.wgsl' with { type: 'text' };
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
  /** Of W in workgroup memory: two by turns, one, or none: its matrices are loaded from where it lies. */
  stages: 0 | 1 | 2;
  /** How many times 32 of k matrices of x are loaded ahead. */
  ahead: number;
  /** Tiles of M that run before the next of N. */
  GROUP_M: number;
}

/** Rows of i8 in tiles of 16 x 32, and what a row is multiplied by. */
export interface Int8Rows {
  /** i8 [rows rounded up to 16, K] and some more, four in a u32. */
  tiles: Tensor;
  /** f32 [rows] */
  scale: Tensor;
  /** Columns in the tiles: zeros fill them up. */
  K: number;
}

/** Tiles that lie behind the last row of tiles, for loads that go past its end. */
const SPARE = 4;
const padded = (n: number, to: number): number => to * Math.ceil(n / to);
const words = (rows: number, K: number): number => (padded(rows, 16) * K) / 4 + SPARE * 128;
const wide = (K: number, to: number): number => padded(K, Math.max(32, to));

const threads = (p: Int8Plan): number => (p.BM / p.WM) * (p.BN / p.WN) * 32;
const stripVectors = (p: Int8Plan, EW: number): number => (threads(p) / 32) * 16 * (EW / 4 + 2);
/** Vectors of a stage, which the epilogue must fit too, 16 columns at a time if need be. */
const stageVectors = (p: Int8Plan): number =>
  Math.max(p.stages ? p.BN * (p.BK / 16 + 1) : 0, stripVectors(p, 16), p.stages ? 0 : stripVectors(p, 32));

/** Bytes of workgroup memory that a plan takes. */
export const int8Bytes = (p: Int8Plan): number => 16 * Math.max(1, p.stages) * stageVectors(p);

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
  if (padded(s.M, 16) < p.BM || padded(s.N, 16) < p.BN) return false;
  if (p.stages && (p.BN * p.BK) % (16 * threads(p))) return false;
  return threads(p) <= caps.maxInvocations && int8Bytes(p) <= caps.maxWorkgroupStorage;
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
  const KP = wide(K, a.to);
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

/** Memory for requantizeW's result, for a weight that is made i8 once. */
export function int8Weight(r: Recorder, w: Pick<Q4Weight, 'N' | 'K'>, to: number, name: string): Int8Rows {
  const K = wide(w.K, to);
  return {
    tiles: r.scratch(`${name} as i8`, 'u32', [words(w.N, K)]),
    scale: r.scratch(`scales of ${name}`, 'f32', [w.N]),
    K,
  };
}

/** Records int4 weights made i8, into `out`. `cores` where a plan stages them, not where it does not. */
export function requantizeW(r: Recorder, weight: Q4Weight, out: Int8Rows, cores: boolean): void {
  r.dispatch({
    label: `int8 requantize ${weight.meta}`,
    code: requantizeCode(weight, out.K, cores, r.gpu.caps.maxInvocations),
    bindings: [weight.words, out.tiles, out.scale, weight.params],
    grid: fold(Math.ceil(weight.N / 16)),
  });
}

/** The WGSL of requantizeW. */
export function requantizeCode(
  w: Pick<Q4Weight, 'N' | 'K' | 'group' | 'meta'>,
  KP: number,
  cores: boolean,
  most: number,
): string {
  const { N, K, group, meta } = w;
  if (K % 32 || group % 16) throw new Error(`int8 requantize: K ${K}, groups of ${group}`);
  return specialise(requantizeSource, {
    constants: {
      ...{ N, K, KP, GROUP: group, GROUPS: Math.ceil(K / group), CORES: cores },
      ...{ ZERO_POINT: meta === 'zero16', WIDE: meta === 'offset32' },
      // 16 rows a workgroup are few workgroups: a long row has more threads.
      T: Math.min(most, KP >= 2048 ? 1024 : 256),
    },
    include: [bytes],
  });
}

/** y[m, column + n] (+)= Σk x[m, k] W[n, k] + bias[n] */
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
}

/** The WGSL of a product. `loops`: leave the loops over matrices as they are: a software driver compiles for minutes else. */
export function int8Code(a: Int8Product, p: Int8Plan, loops = false): string {
  const { x, N, y, column = 0, add = false } = a;
  const [M, LDY] = y.shape;
  const T = threads(p);
  const STAGE = stageVectors(p);
  const EW = [128, 64, 32, 16].find((columns) => p.WN % columns === 0 && stripVectors(p, columns) <= STAGE)!;
  const KK = p.BK / 32;
  const TURNS = p.stages === 2 ? 2 : 1;
  // A power of two, so that sets come round at a step's end, or at that of two.
  const SETS = 2 ** Math.ceil(Math.log2(p.ahead + 1));
  if ((TURNS * KK) % SETS || p.ahead > SPARE) throw new Error(`int8: ${p.ahead} ahead do not fit steps of ${p.BK}`);
  const B_AHEAD = p.stages ? 1 : 3;
  const constants = {
    ...{ M16: padded(M, 16), N, K: x.K, LDY, COLUMN: column, ADD: add, BIAS: a.bias !== undefined },
    ...{ BM: p.BM, BN: p.BN, BK: p.BK, WM: p.WM, WN: p.WN, GROUP_M: p.GROUP_M, T, STAGE },
    ...{ STAGED: p.stages > 0, TURNS, SETS, AHEAD: p.ahead, B_AHEAD, B_SETS: B_AHEAD + 1 },
    ...{ FM: p.WM / 16, FN: p.WN / 16, KK, KK_FN: (KK * p.WN) / 16 },
    W_LOADS: p.stages ? (p.BN * p.BK) / 16 / T : 1,
    ...{ EW, EN: EW / 16, E_PARTS: p.WN / EW, E_STEPS: EW / 8 },
  };
  const names = ['stage', 'stage2'].slice(0, Math.max(1, p.stages));
  const [before, turn, after] = source.split('// turn\n');
  const turns = names.map((now, i) =>
    turn
      .replaceAll('load_b_NOW', p.stages ? `load_b_${now}` : 'load_b')
      .replaceAll('NEXT[', `${names[names.length - 1 - i]}[`)
      .replace('+ TURN;', `+ ${i}u;`)
      .replaceAll('TURN * KK', `${i * KK}u`),
  );
  const last = TURNS === 2 && (x.K / p.BK) % 2 ? turns[0].replace('pair + 0u', 'STEPS - 1u') : '';
  const body = [
    before.replace('// stages\n', stagesText(names, p.stages > 0)),
    ...turns,
    after.replace('// last\n', last),
  ];
  const text = specialise(body.join(''), {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    alias: { Y: y.dtype },
    constants,
    include: [tileOrder],
  });
  return loops ? text : unroll(text, constants);
}

/** Workgroup memory, and how matrix g of a step of W is loaded: 16 of n after 16 of n, then the next 32 of k. */
const stagesText = (names: readonly string[], staged: boolean): string =>
  `${names.map((name) => `var<workgroup> ${name}: array<vec4<u32>, STAGE>;\n`).join('')}
fn load_b(at: u32, g: u32) -> subgroup_matrix_right<i8, 16, 32> {
  return subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&w, at + g % FN * TILES_K + g / FN * TILE, 2u);
}
${(staged ? names : [])
  .map(
    (name) => `fn load_b_${name}(at: u32, g: u32) -> subgroup_matrix_right<i8, 16, 32> {
  return subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&${name}, at + g % FN * 16u * LINE + g / FN * 2u, LINE);
}
`,
  )
  .join('')}`;

/** Records a product that fits. */
export function recordInt8(r: Recorder, a: Int8Product, label: string, p: Int8Plan): void {
  if (a.x.K !== a.w.K || a.x.K % p.BK) throw new Error(`${label}: columns of tiles, ${a.x.K} and ${a.w.K}, by ${p.BK}`);
  // A layout is made of what the text names, so that a bias is bound even where there is none to read.
  const bias = a.bias ?? r.scratch('no bias', 'f32', [4]);
  r.dispatch({
    label: `${label} int8`,
    code: int8Code(a, p, r.gpu.description.software),
    bindings: [a.x.tiles, a.w.tiles, a.y, a.rows, a.x.scale, a.w.scale, bias],
    grid: () => fold(Math.ceil(a.rows.count / p.BM) * Math.ceil(a.N / p.BN)),
  });
}
