/** x · Wᵀ on subgroup matrices: which tile a shape gets, and the text that runs it. Formula and layouts: linear.matrix.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { fold, type Recorder } from '../../src/gpu/recorder.ts';
import { type Constant, float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import { PROCESSORS } from './h200.ts';
import alone from './linear.matrix.alone.wgsl' with { type: 'text' };
import denseSource from './linear.matrix.dense.wgsl' with { type: 'text' };
import direct from './linear.matrix.direct.wgsl' with { type: 'text' };
import offset16 from './linear.matrix.offset16.wgsl' with { type: 'text' };
import offset32 from './linear.matrix.offset32.wgsl' with { type: 'text' };
import q4Source from './linear.matrix.q4.wgsl' with { type: 'text' };
import staged from './linear.matrix.staged.wgsl' with { type: 'text' };
import update from './linear.matrix.update.wgsl' with { type: 'text' };
import source from './linear.matrix.wgsl' with { type: 'text' };
import y1 from './linear.matrix.y1.wgsl' with { type: 'text' };
import y4 from './linear.matrix.y4.wgsl' with { type: 'text' };
import zero16 from './linear.matrix.zero16.wgsl' with { type: 'text' };
import { type Linear, type LinearShape, shapeOf } from './linear.types.ts';
import { packedType, packedWords } from './packed_words.ts';
import tileOrder from './tile_order.wgsl' with { type: 'text' };

/** A workgroup makes BM x BN outputs, BK of K at a time; a subgroup WM x WN of them. */
export interface MatrixPlan {
  BM: number;
  BN: number;
  BK: 32 | 64;
  WM: number;
  WN: number;
  /** Sets of subgroups that share a tile, each with every other 16 of K. */
  SLICES: 1 | 2;
  /** The reads for the next step are issued before the barrier, apart from the multiplications: linear.matrix.wgsl. */
  FENCED: boolean;
}

/**
 * A plan and what it costs a processor in clocks: `ends` a tile, and 32 of K with one workgroup at work or, where two
 * fit, with both.
 */
interface Tile extends MatrixPlan {
  ends: number;
  alone: number;
  pair?: number;
}

/**
 * The tiles to choose from. Under Vulkan a processor of an H200 holds eight subgroups: one workgroup of eight, or two
 * of four, which overlap a little. Costs are fitted to results/h200/gemm-variants.txt and linear.txt (the last three, which
 * serve few rows and odd K, to fewer shapes): they rank the tiles, within a tenth or two.
 */
const TILES: readonly Tile[] = [
  { BM: 128, BN: 128, BK: 64, WM: 64, WN: 64, SLICES: 1, FENCED: false, ends: 11000, alone: 1258, pair: 1958 },
  { BM: 128, BN: 192, BK: 64, WM: 64, WN: 48, SLICES: 1, FENCED: false, ends: 9200, alone: 1400 },
  { BM: 128, BN: 128, BK: 64, WM: 64, WN: 64, SLICES: 2, FENCED: true, ends: 8100, alone: 1124 },
  { BM: 128, BN: 128, BK: 32, WM: 64, WN: 64, SLICES: 1, FENCED: false, ends: 4000, alone: 1400, pair: 2230 },
  { BM: 64, BN: 128, BK: 32, WM: 32, WN: 64, SLICES: 1, FENCED: false, ends: 4000, alone: 1000, pair: 1500 },
  { BM: 64, BN: 64, BK: 32, WM: 32, WN: 32, SLICES: 1, FENCED: false, ends: 2500, alone: 600, pair: 800 },
  { BM: 32, BN: 128, BK: 32, WM: 32, WN: 32, SLICES: 1, FENCED: false, ends: 3000, alone: 600, pair: 800 },
];

/** Tiles of M that run before the next tile of N. */
const GROUP_M = 8;

/**
 * The tile for a shape, or undefined where subgroup matrices do not serve it: no such tier, x or a dense W not f16,
 * K not a multiple of 32, groups not of 32, fewer than 32 rows or 64 columns. Pure.
 */
export function planMatrix(caps: Caps, s: LinearShape): MatrixPlan | undefined {
  let best: { tile: MatrixPlan; clocks: number } | undefined;
  for (const tile of TILES) {
    const clocks = matrixFits(caps, s, tile) ? expectedClocks(s, tile) : Number.POSITIVE_INFINITY;
    if (clocks < (best?.clocks ?? Number.POSITIVE_INFINITY)) best = { tile: planOf(tile), clocks };
  }
  return best?.tile;
}

const planOf = ({ BM, BN, BK, WM, WN, SLICES, FENCED }: MatrixPlan): MatrixPlan => ({
  BM,
  BN,
  BK,
  WM,
  WN,
  SLICES,
  FENCED,
});

/** Every plan there is to choose from, for tests and benchmarks. */
export const matrixPlans = (): MatrixPlan[] => TILES.map(planOf);

/** Whether a plan can run a shape. */
export function matrixFits(caps: Caps, s: LinearShape, p: MatrixPlan): boolean {
  if (!caps.matrix || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  if (s.x !== 'f16' || s.w === 'f32' || s.K % 32 || (s.kind === 'q4' && s.group! % 32)) return false;
  if (s.M < p.BM || s.N < p.BN || s.K % p.BK) return false;
  const { rank, widths = [] } = s.update ?? { rank: 0 };
  if (rank % (16 * p.SLICES) || rank > p.BK || widths.some((width) => width % p.BN)) return false;
  return threads(p) <= caps.maxInvocations && stageBytes(p) <= caps.maxWorkgroupStorage;
}

/** Clocks until the last workgroup ends, by the costs in TILES. */
export function expectedClocks(s: LinearShape, p: MatrixPlan): number {
  const { ends, alone, pair } = TILES.find((t) => Object.entries(p).every(([k, v]) => t[k as keyof Tile] === v))!;
  const tiles = Math.ceil(s.M / p.BM) * Math.ceil(s.N / p.BN);
  const resident = PROCESSORS * (pair ? 2 : 1);
  const rest = tiles % resident;
  const round = (step: number) => (s.K / 32) * step + ends;
  return Math.floor(tiles / resident) * round(pair ?? alone) + (rest ? round(rest > PROCESSORS ? pair! : alone) : 0);
}

const threads = (p: MatrixPlan) => (p.BM / p.WM) * (p.BN / p.WN) * p.SLICES * 32;
const stageVectors = (p: MatrixPlan) => (p.BM + p.BN) * (p.BK / 8 + 1);
const stageBytes = (p: MatrixPlan) => 16 * stageVectors(p);

/** The WGSL of a call. `loops`: leave the loops over matrices as they are: a software driver compiles for minutes else. */
export function matrixCode(a: Linear, s: LinearShape, p: MatrixPlan, loops = false): string {
  const T = threads(p);
  const q4 = a.weight.kind === 'q4' ? a.weight : undefined;
  const W_VECTORS = q4 ? packedWords((p.BN * p.BK) / 8, T) : 1;
  const W_PARTS = p.BK / 8 / W_VECTORS;
  const V = s.N % 4 || s.ldy % 4 || s.column % 4 ? 1 : 4;
  const whole = s.y === 'f32' && V === 4 && (a.scale ?? 1) === 1;
  const PRELOAD = whole && (a.add ?? false);
  const DIRECT = whole && !a.bias && p.SLICES === 1;
  // The epilogue's strips lie in the stage's memory, and a row of one is at most one value a lane.
  const strips = (parts: number) => (T / 32) * 16 * (p.WN / parts / 4 + 2);
  const E_PARTS = [1, 2, 3, 4, 5, 6].find(
    (parts) => (p.WN / 16) % parts === 0 && strips(parts) <= stageVectors(p) && p.WN / parts / V <= 32 * p.SLICES,
  )!;
  const E_ROWS = 2 ** Math.floor(Math.log2((32 * p.SLICES * V * E_PARTS) / p.WN));
  const constants = {
    M: s.M,
    N: s.N,
    K: s.K,
    LDY: s.ldy,
    COLUMN: s.column,
    SCALE: float(a.scale ?? 1),
    ADD: a.add ?? false,
    BIAS: a.bias !== undefined,
    GROUP: q4?.group ?? 1,
    GROUPS: q4 ? Math.ceil(s.K / q4.group) : 0,
    ...planOf(p),
    GROUP_M,
    T,
    PRELOAD,
    DIRECT,
    V,
    W_VECTORS,
    W_PARTS,
    X_LOADS: (p.BM * p.BK) / 8 / T,
    W_LOADS: (p.BN * W_PARTS) / T,
    FM: p.WM / 16,
    FN: p.WN / 16,
    KK: p.BK / 16 / p.SLICES,
    EW: p.WN / E_PARTS,
    EN: p.WN / E_PARTS / 16,
    E_PARTS,
    E_ROWS,
    E_STEPS: 16 / E_ROWS,
    ...updateConstants(a, s.N, p.SLICES),
  };
  const text = specialise(source, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    alias: {
      Y: s.y,
      Sum: V === 4 ? 'vec4<f32>' : 'f32',
      Packed: packedType(q4 ? W_VECTORS : 4),
      Param: q4?.meta === 'offset32' ? 'vec2<f32>' : 'u32',
    },
    constants,
    include: [
      tileOrder,
      ...(q4 ? [{ offset16, zero16, offset32 }[q4.meta], q4Source] : [denseSource]),
      V === 4 ? y4 : y1,
      whole ? direct : staged,
      s.update ? update : alone,
    ],
  });
  return loops ? text : unroll(text, constants);
}

/**
 * What linear.matrix.update.wgsl and linear.tall.update.wgsl know of the adapters of a layer of N outputs; their second
 * edge is past the end where there are two.
 */
export function updateConstants(
  { update, scale = 1, weight }: Pick<Linear, 'update' | 'scale' | 'weight'>,
  N: number,
  slices = 1,
): Record<string, Constant> {
  if (!update) return { UPDATE: false, UPDATE_KK: 0 };
  const { lora, H } = update;
  const [first = N, second = N] = lora.widths ?? [];
  const H_BINDING = weight.kind === 'q4' ? 6 : 5;
  return {
    ...{ UPDATE: true, UPDATE_KK: lora.r / 16 / slices, RANK: lora.r, H_LD: H.shape[1] },
    ...{ H_BINDING, B_BINDING: H_BINDING + 1 },
    ...{ EDGE_1: first, EDGE_2: Math.min(first + second, N), LORA_SCALE: float(lora.scale / scale) },
  };
}

/**
 * Records y (+)= scale · x Wᵀ + bias by a plan that fits. `a.x` is in the words' order of columns already, and
 * `a.lora` is not looked at: what of it is summed here is `a.update`.
 */
export function recordMatrix(r: Recorder, a: Linear, p: MatrixPlan, label = 'linear'): void {
  const s = shapeOf(a);
  const { weight, rows } = a;
  // A layout is made of what the text names, so that a bias is bound even where there is none to read.
  const bias = a.bias ?? r.scratch('no bias', 'f32', [4]);
  const q4 = weight.kind === 'q4';
  r.dispatch({
    label: `${label} ${s.kind} matrix`,
    code: matrixCode(a, s, p, r.gpu.description.software),
    bindings: [
      ...[a.x, q4 ? weight.words : weight.data, a.y, rows, bias],
      ...(q4 ? [weight.params] : []),
      ...(a.update ? [a.update.H, a.update.lora.B] : []),
    ],
    grid: () => fold(Math.ceil(rows.count / p.BM) * Math.ceil(s.N / p.BN)),
  });
}
