/**
 * x · Wᵀ and dY · W for many rows, on subgroup matrices that are loaded from x in tiles: whether it suits a shape, and
 * the text that runs it. Formula and layouts: linear.tall.wgsl.
 */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import { PROCESSORS } from './h200.ts';
import direct from './linear.matrix.direct.wgsl' with { type: 'text' };
import offset16 from './linear.matrix.offset16.wgsl' with { type: 'text' };
import offset32 from './linear.matrix.offset32.wgsl' with { type: 'text' };
import q4Source from './linear.matrix.q4.wgsl' with { type: 'text' };
import staged from './linear.matrix.staged.wgsl' with { type: 'text' };
import { updateConstants } from './linear.matrix.ts';
import y4 from './linear.matrix.y4.wgsl' with { type: 'text' };
import zero16 from './linear.matrix.zero16.wgsl' with { type: 'text' };
import alone from './linear.tall.alone.wgsl' with { type: 'text' };
import tallDense from './linear.tall.dense.wgsl' with { type: 'text' };
import tallQ4 from './linear.tall.q4.wgsl' with { type: 'text' };
import update from './linear.tall.update.wgsl' with { type: 'text' };
import source from './linear.tall.wgsl' with { type: 'text' };
import { packedType, packedWords } from './packed_words.ts';
import tileOrder from './tile_order.wgsl' with { type: 'text' };
import { tiles } from './tiles.ts';
import { takeTurns } from './turns.ts';
import type { Lora, Weight } from './weights.ts';

/** A workgroup makes BM x BN outputs, 64 of k at a time; a subgroup WM x WN of them. */
export interface TallPlan {
  form: 'tall';
  BM: number;
  BN: number;
  WM: number;
  WN: number;
  /** Tiles of M that run before the next of N. */
  GROUP_M: number;
  /** How many sixteens of k left matrices are loaded before they are multiplied: 1 or 3. */
  AHEAD: number;
}

/** The one tile that was worth it on an H200: results/h200/gemm-tall.txt. */
export const TALL: TallPlan = { form: 'tall', BM: 256, BN: 128, WM: 32, WN: 128, GROUP_M: 4, AHEAD: 3 };

const BK = 64;

/** y[m, column + n] (+)= scale · Σk x[m, first + k] W[n, k] + bias[n], or Σk x[m, first + k] W[k, n] where `byK`. */
export interface Tall {
  /** [M, …], f16 */
  x: Tensor;
  /** The columns of x that are meant, as tiles.ts leaves them, where they have been made already. */
  xTiles?: Tensor;
  /** First column of x that is meant, default 0. */
  first?: number;
  /** The layer's, [N, K]; its gradient takes it as [K, N]. Act-order weights are not for this form where `byK`. */
  weight: Weight;
  byK: boolean;
  /** [M or more, ldy], f16 or f32 */
  y: Tensor;
  column?: number;
  rows: Dim;
  bias?: Tensor;
  add?: boolean;
  scale?: number;
  /** H f32 [M, ranks], or f16 in tiles. */
  update?: { lora: Lora; H: Tensor };
}

/** The numbers that a plan looks at. */
export interface TallShape {
  M: number;
  N: number;
  K: number;
  x: 'f16' | 'f32';
  w: 'f16' | 'f32' | 'u32';
  group?: number;
  byK: boolean;
  /** Columns of x and y, and the first that are meant. */
  ldx: number;
  first: number;
  ldy: number;
  column: number;
  /** The y's of the forward product take adapters: their rank and how many columns each one has. */
  update?: { rank: number; widths?: readonly number[] };
}

/** Vectors a read: of int4 words as many as leave no thread idle, of f16 one, eight numbers. */
const readVectors = (p: TallPlan, q4: boolean) => (q4 ? packedWords((p.BN * BK) / 8, threads(p)) : 1);
const threads = (p: TallPlan) => (p.BM / p.WM) * (p.BN / p.WN) * 32;
/** Vectors of the epilogue's memory where a subgroup writes WN / parts columns at once. */
const stripVectors = (p: TallPlan, parts: number) => (threads(p) / 32) * 16 * (p.WN / parts / 4 + 2);
/** Vectors of one stage, which the epilogue must fit too, 16 columns at a time if need be. */
const stageVectors = (p: TallPlan, byK: boolean) =>
  Math.max(byK ? BK * (p.BN / 8 + 1) : p.BN * (BK / 8 + 1), stripVectors(p, p.WN / 16));

/** Whether the form can run a shape. Pure. */
export function tallFits(caps: Caps, s: TallShape, p: TallPlan = TALL): boolean {
  if (!caps.matrix || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  const q4 = s.w === 'u32';
  if (s.x !== 'f16' || s.w === 'f32' || s.K % BK || s.N % (s.byK ? (q4 ? 32 : 8) : 4) || (q4 && s.group! % 32))
    return false;
  if (s.ldx % 8 || s.first % 8 || s.ldy % 4 || s.column % 4) return false;
  if (s.M < p.BM || s.N < p.BN || ((p.BN * BK) / 8 / readVectors(p, q4)) % threads(p)) return false;
  const { rank, widths = [] } = s.update ?? { rank: 0 };
  if (rank % 16 || rank > BK || widths.some((width) => width % p.BN)) return false;
  return threads(p) <= caps.maxInvocations && 2 * 16 * stageVectors(p, s.byK) <= caps.maxWorkgroupStorage;
}

/**
 * What a call costs in clocks of one H200, its x made into tiles included, where a round of workgroups takes 45 for each k
 * and 3,000 more, and a byte of x 1 / 1,800: fitted to gemm-tall.txt, as linear.matrix.ts's costs are to their tables.
 */
export function tallClocks(s: Pick<TallShape, 'M' | 'N' | 'K'>, p: TallPlan = TALL): number {
  const rounds = Math.ceil((Math.ceil(s.M / p.BM) * Math.ceil(s.N / p.BN)) / PROCESSORS);
  return rounds * (45 * s.K + 3000) + (4 * s.M * s.K) / 1800 + 6000;
}

/** The WGSL of a call with x in tiles. `loops`: leave the loops over matrices as they are: a software driver compiles for minutes else. */
export function tallCode(a: Tall, p: TallPlan, loops = false): string {
  const { weight, byK, y, column = 0, scale = 1, add = false } = a;
  const q4 = weight.kind === 'q4' ? weight : undefined;
  const [N, K] = byK ? [weight.K, weight.N] : [weight.N, weight.K];
  const T = threads(p);
  const STAGE = stageVectors(p, byK);
  const whole = y.dtype === 'f32' && scale === 1;
  const E_PARTS = [1, 2, 4, 8].find((parts) => p.WN % (16 * parts) === 0 && stripVectors(p, parts) <= STAGE)!;
  const EW = p.WN / E_PARTS;
  const W_VECTORS = readVectors(p, q4 !== undefined);
  const vectors = (p.BN * BK) / 8 / W_VECTORS;
  const constants = {
    ...{ M16: 16 * Math.ceil(a.x.shape[0] / 16), N, K, LDY: y.shape[1], COLUMN: column, SCALE: float(scale) },
    ...{ ADD: add, BIAS: a.bias !== undefined, BY_K: byK, PRELOAD: whole && add, DIRECT: whole && !a.bias },
    ...{ BM: p.BM, BN: p.BN, BK, WM: p.WM, WN: p.WN, GROUP_M: p.GROUP_M, T, STAGE, SETS: p.AHEAD + 1, AHEAD: p.AHEAD },
    ...{ FM: p.WM / 16, FN: p.WN / 16, KK: BK / 16, KK_FN: (BK / 16) * (p.WN / 16) },
    ...{ B_16: byK ? 2 : 16 * (BK / 8 + 1), B_K: byK ? 16 * (p.BN / 8 + 1) : 2 },
    ...{
      W_VECTORS,
      W_PARTS: (byK ? p.BN : BK) / 8 / W_VECTORS,
      W_LOADS: vectors / T,
      PIECES: (vectors * W_VECTORS) / T,
    },
    ...{ EW, EN: EW / 16, E_PARTS, E_STEPS: EW / 8 },
    ...(q4 && { GROUP: q4.group, GROUPS: Math.ceil(weight.K / q4.group) }),
    ...updateConstants(a, N),
  };
  const text = specialise(takeTurns(source.replaceAll('W_MAJOR', byK ? 'row_major' : 'col_major'), K / BK), {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    alias: {
      Y: y.dtype,
      ...(q4 && {
        Packed: packedType(W_VECTORS),
        Param: q4.meta === 'offset32' ? 'vec2<f32>' : 'u32',
      }),
    },
    constants,
    include: [
      tileOrder,
      ...(q4 ? [{ offset16, zero16, offset32 }[q4.meta], q4Source, tallQ4] : [tallDense]),
      ...[y4, whole ? direct : staged, a.update ? update : alone],
    ],
  });
  return loops ? text : unroll(text, constants);
}

/** Records a call that fits: x into tiles (and an adapter's H) where they are not yet, then the product. */
export function recordTall(r: Recorder, a: Tall, label: string, p: TallPlan = TALL): void {
  const { x, first, weight, byK, y, rows, update } = a;
  const [N, K] = byK ? [weight.K, weight.N] : [weight.N, weight.K];
  const left = a.xTiles ?? tiles(r, { x, rows, column: first, K }, 'x in tiles');
  const H = update && (update.H.dtype === 'f16' ? update.H : tiles(r, { x: update.H, rows }, 'H in tiles'));
  // A layout is made of what the text names, so that a bias is bound even where there is none to read.
  const bias = a.bias ?? r.scratch('no bias', 'f32', [4]);
  r.dispatch({
    label: `${label} ${weight.kind} tall`,
    code: tallCode(a, p, r.gpu.description.software),
    bindings: [
      ...[left, weight.kind === 'q4' ? weight.words : weight.data, y, rows, bias],
      ...(weight.kind === 'q4' ? [weight.params] : []),
      ...(H ? [H, update.lora.B] : []),
    ],
    grid: () => fold(Math.ceil(rows.count / p.BM) * Math.ceil(N / p.BN)),
  });
}
