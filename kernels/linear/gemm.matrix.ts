/**
 * The products of training on subgroup matrices: a linear layer's dX and dW, and an adapter's. Which tile a shape gets,
 * and the text that runs it. Formula and layouts: gemm.matrix.wgsl.
 */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise, unroll } from '../../src/gpu/wgsl.ts';
import { maskWgsl } from '../dropout/mask.ts';
import columnSource from './gemm.column.wgsl' with { type: 'text' };
import directSource from './gemm.direct.wgsl' with { type: 'text' };
import f16Source from './gemm.f16.wgsl' with { type: 'text' };
import f32Source from './gemm.f32.wgsl' with { type: 'text' };
import source from './gemm.matrix.wgsl' with { type: 'text' };
import out1 from './gemm.out1.wgsl' with { type: 'text' };
import out4 from './gemm.out4.wgsl' with { type: 'text' };
import gemmQ4 from './gemm.q4.wgsl' with { type: 'text' };
import rightSource from './gemm.right.wgsl' with { type: 'text' };
import scatterSource from './gemm.scatter.wgsl' with { type: 'text' };
import stagedSource from './gemm.staged.wgsl' with { type: 'text' };
import { PROCESSORS } from './h200.ts';
import offset16 from './linear.matrix.offset16.wgsl' with { type: 'text' };
import offset32 from './linear.matrix.offset32.wgsl' with { type: 'text' };
import q4Source from './linear.matrix.q4.wgsl' with { type: 'text' };
import zero16 from './linear.matrix.zero16.wgsl' with { type: 'text' };
import maskDropout from './mask.dropout.wgsl' with { type: 'text' };
import maskNone from './mask.none.wgsl' with { type: 'text' };
import { packedType, packedWords } from './packed_words.ts';
import { backwardUniform, type DropoutMask } from './shape.backward.ts';
import backwardShape from './shape.backward.wgsl' with { type: 'text' };
import { sumParts } from './sum_parts.ts';
import tileOrder from './tile_order.wgsl' with { type: 'text' };
import type { Q4Weight } from './weights.ts';

/** A workgroup makes BM x BN outputs, BK of the sum at a time; a subgroup WM x WN of them. */
export interface GemmPlan {
  form: 'matrix';
  BM: number;
  BN: number;
  BK: 16 | 32 | 64;
  WM: number;
  WN: number;
  /** Spans that the sum is cut into, added up apart. */
  splits: number;
}

/** The numbers that a plan looks at: out [m, n] is a sum over r. */
export interface GemmShape {
  /** The most there can be of each. */
  m: number;
  n: number;
  r: number;
  /** The batch's rows are summed over, and left lies [r, m]; else they are m, and left lies [m, r]. */
  byRows: boolean;
  left: 'f16' | 'f32';
  /** u32: int4 words. */
  right: 'f16' | 'f32' | 'u32';
  /** int4: consecutive n that share a scale. */
  group?: number;
  /** Columns of left's tensor, and the first that is meant. */
  leftLd: number;
  leftColumn: number;
  blocks?: GemmBlocks;
}

/** Two or three adapters of rank `rank` that make a product together: what the sum's columns, out's rows or out's columns are cut into. */
export interface GemmBlocks {
  along: 'sum' | 'rows' | 'columns';
  /** Multiples of 64. */
  widths: readonly number[];
  rank: number;
}

/** The shortest sum worth a part of its own, the most parts, tiles of M before the next of N. */
const LEAST_SPAN = 192;
const MOST_SPANS = 16;
const GROUP_M = 8;
/** The longest sum for which out is read before: registers hold it meanwhile. */
const SHORT_SUM = 192;

/**
 * The tile for a shape, or undefined where subgroup matrices do not serve it: no such tier, a width or a column that
 * is not a multiple of 8 (int4: 32, and groups too), fewer than 16 rows. By measurement for an adapter's products
 * (results/h200/adapters.txt, which gemm.matrix.test.ts holds it against):
 *
 *   few columns   whole in one tile, and 32 of 128 rows a subgroup; 16 of 64 where rows are summed over
 *   few rows      whole in one tile, 128 columns wide where two such workgroups fit a processor, else 64
 *   short sum     32 x 64 a subgroup and not 64 x 64: half the sums a thread make room for twice the threads, and waiting
 *                 for memory is all that such a product does
 *
 * and for a layer's dW (results/h200/weight-gradient.txt): 48 x 96 or 64 x 64 a subgroup of a step of 32, whichever leaves less
 * of its tiles outside of out, as both do the same work a second.
 *
 * dX: 128 x 128 where that makes a hundred tiles, else 64 x 64; of int4 weights (results/h200/input-gradient.txt) in steps of 32
 * unless those of 64, of which a processor runs one workgroup and not two, fill their waves better. A sum is cut into
 * as many spans as make one wave: as many workgroups as run at once, which workgroup memory decides
 * (results/h200/occupancy.txt). One more than that runs after all others, and all take twice as long. A dW's sum is long: its waves may be several, if they are full. Pure.
 */
export function planGemm(caps: Caps, s: GemmShape): GemmPlan | undefined {
  if (!caps.matrix || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return undefined;
  const wide = s.right === 'u32' ? 32 : 8;
  if (s.n % wide || (s.byRows ? s.m : s.r) % 8 || s.leftLd % 8 || s.leftColumn % 8) return undefined;
  if ((s.byRows ? s.r : s.m) < 16 || (s.group ?? 32) % 32) return undefined;
  const whole = (n: number) => Math.ceil(n / 16) * 16;
  const columns = s.blocks && s.blocks.along !== 'columns' ? s.blocks.rank : s.n;
  const longest = s.blocks?.along === 'sum' ? Math.max(...s.blocks.widths) : s.r;
  const even = !s.blocks || s.blocks.widths.every((width) => width % 128 === 0);
  const large = even && Math.ceil(s.m / 128) * Math.ceil(s.n / 128) >= 100;
  const short = !s.byRows && s.r <= SHORT_SUM && s.right !== 'u32';
  const bytes = (p: GemmPlan) => 16 * Math.max(stageVectors(p, s.byRows, true), stageVectors(p, s.byRows, false));
  /** How many of a plan's workgroups a processor's memory holds. */
  const held = (p: GemmPlan) => Math.floor(caps.maxWorkgroupStorage / bytes(p));
  const plan = (
    BM: number,
    BN: number,
    WM: number,
    WN: number,
    spans = oneWave,
    deepest = 64,
  ): GemmPlan | undefined => {
    const deep = deepest === 64 && (s.r > 256 || (s.r % 64 === 0 && !short));
    const steps: GemmPlan['BK'][] = deep ? [64, 32, 16] : s.r > 16 ? [32, 16] : [16];
    const plans = steps.map((BK): GemmPlan => ({ form: 'matrix', BM, BN, BK, WM, WN, splits: 1 }));
    const p = plans.find((p) => threads(p) <= caps.maxInvocations && held(p) > 0);
    if (!p) return undefined;
    const tiles = Math.ceil(s.m / BM) * Math.ceil(s.n / BN);
    const most = Math.max(1, Math.min(Math.floor(longest / LEAST_SPAN), MOST_SPANS));
    return { ...p, splits: spans(tiles, PROCESSORS * held(p), most) };
  };
  if (columns <= 96 && s.right !== 'u32') {
    const [BM, WM] = s.byRows ? [64, 16] : [128, 32];
    return plan(BM, whole(columns), WM, whole(columns));
  }
  if (s.byRows && s.m <= 96) {
    const m = whole(s.m);
    const p = plan(m, 128, m, 32);
    return p && held(p) > 1 ? p : plan(m, 64, m, 16);
  }
  if (s.byRows && !s.blocks && s.right !== 'u32') {
    const covered = (BM: number, BN: number) => Math.ceil(s.m / BM) * BM * Math.ceil(s.n / BN) * BN;
    const oblong = covered(96, 192) <= covered(128, 128);
    return oblong ? plan(96, 192, 48, 96, fullWaves, 32) : plan(128, 128, 64, 64, fullWaves, 32);
  }
  if (!large) return plan(64, 64, 32, 32);
  if (short) return plan(128, 128, 32, 64);
  const [shallow, deep] = [32, 64].map((BK) => plan(128, 128, 64, 64, oneWave, BK));
  // Measured were sums of one span.
  if (s.right !== 'u32' || !shallow || !deep) return deep;
  const full = (p: GemmPlan) => fullness(Math.ceil(s.m / 128) * Math.ceil(s.n / 128), PROCESSORS * held(p));
  return shallow.splits === 1 && full(deep) < DEEPER * full(shallow) ? shallow : deep;
}

/** How much more steps of 64 must fill their waves to be as fast as steps of 32, of which two workgroups run on a processor. */
const DEEPER = 1.15;

/** The share of the workgroups that could run, in as many waves as these take. */
const fullness = (workgroups: number, atOnce: number): number => workgroups / (Math.ceil(workgroups / atOnce) * atOnce);

/** Spans of a sum for workgroups that all run at once. */
const oneWave = (tiles: number, atOnce: number, most: number): number =>
  Math.max(1, Math.min(Math.floor(atOnce / tiles), most));

/** The fewest spans whose waves are full by nine tenths, or the fullest. */
function fullWaves(tiles: number, atOnce: number, most: number): number {
  const full = (spans: number) => fullness(tiles * spans, atOnce);
  const counts = Array.from({ length: most }, (_, i) => i + 1);
  return counts.find((spans) => full(spans) >= 0.9) ?? counts.reduce((a, b) => (full(b) > full(a) ? b : a));
}

const threads = (p: GemmPlan) => (p.BM / p.WM) * (p.BN / p.WN) * 32;
/** Vectors of workgroup memory, for both operands in either order (gemm.matrix.wgsl). */
const stageVectors = (p: GemmPlan, byRows: boolean, rightByR: boolean) =>
  (byRows ? p.BK * (p.BM / 8 + 1) : p.BM * (p.BK / 8 + 1)) + (rightByR ? p.BK * (p.BN / 8 + 1) : p.BN * (p.BK / 8 + 1));

export interface Gemm {
  /** [m, r] or, where `byRows`, [r, m]; f16 or f32. */
  left: Tensor;
  leftColumn?: number;
  byRows: boolean;
  /** [r, n], or [n, r] where `rightByN`; f16 or f32. int4 is [r, n]. */
  right: Tensor | Q4Weight;
  rightByN?: boolean;
  m: number;
  n: number;
  r: number;
  /** [m, outLd] from element `offset` on: columns `outColumn` .. + n. */
  out: Tensor;
  outLd: number;
  outColumn?: number;
  offset?: number;
  /** The batch's rows. */
  rows: Dim;
  add?: boolean;
  scale?: number;
  /** Along the sum: out [m, blocks rank]; out's rows: right [r, blocks rank]; out's columns: left [m, blocks rank]. */
  blocks?: GemmBlocks;
  /** Multiplies left [rows, r], right [rows, n] or the result [rows, n]. */
  dropout?: DropoutMask & { on: 'left' | 'right' | 'out' };
}

/** The numbers of a call. */
export function gemmShape(a: Gemm): GemmShape {
  const { m, n, r, byRows, left, right, leftColumn = 0, blocks } = a;
  const q4 = 'kind' in right;
  return {
    ...{ m, n, r, byRows, leftColumn, blocks, leftLd: left.shape[1], left: left.dtype as 'f16' },
    ...(q4 ? { right: 'u32', group: right.group } : { right: right.dtype as 'f16' }),
  };
}

/** The WGSL of a call that writes to an `out` of a type. `loops`: leave the loops over matrices as they are. */
export function gemmCode(a: Gemm, p: GemmPlan, out: 'f16' | 'f32', loops = false): string {
  const T = threads(p);
  const q4 = 'kind' in a.right ? a.right : undefined;
  const rightByR = !a.rightByN;
  const { add, outColumn = 0, offset = 0, dropout } = a;
  const scatter = q4?.perm !== undefined;
  const four = !scatter && a.outLd % 4 === 0 && outColumn % 4 === 0 && offset % 4 === 0;
  const direct = four && a.n >= p.BN && out === 'f32' && !add && (a.scale ?? 1) === 1 && dropout?.on !== 'out';
  const W_VECTORS = q4 ? packedWords((p.BN * p.BK) / 8, T) : 1;
  const both = stageVectors(p, a.byRows, rightByR);
  const strips = (parts: number) => (T / 32) * 16 * (p.WN / parts / 4 + 2);
  const fits = [1, 2, 3, 4, 5, 6].find((parts) => (p.WN / 16) % parts === 0 && strips(parts) <= both);
  const E_PARTS = fits ?? p.WN / 16;
  const E_STEPS = p.WN / E_PARTS / 8;
  const early = four && add === true && a.r <= SHORT_SUM && !a.byRows;
  const constants = {
    ...{ BM: p.BM, BN: p.BN, BK: p.BK, WM: p.WM, WN: p.WN, SPLITS: p.splits, GROUP_M, T, W_VECTORS },
    ...{
      OUT_M: a.byRows ? a.m : 8,
      OUT_N: a.n,
      R: a.r,
      OUT_LD: a.outLd,
      OUT_COLUMN: outColumn,
      ADD: (add ?? false) && !early,
    },
    ...{ EARLY: early, OLD: (p.WM / 16) * E_PARTS * E_STEPS },
    ...{ LEFT_LD: a.left.shape[1], LEFT_COLUMN: a.leftColumn ?? 0, LEFT_BY_R: a.byRows, LEFT_BINDING: 0 },
    ...blockConstants(a),
    ...{
      RIGHT_LD: q4 || !rightByR ? a.r : (a.right as Tensor).shape[1],
      RIGHT_COLUMN: 0,
      RIGHT_BY_R: rightByR,
      RIGHT_BINDING: 1,
    },
    ...{ MASK_LEFT: dropout?.on === 'left', MASK_RIGHT: dropout?.on === 'right', MASK_OUT: dropout?.on === 'out' },
    ...{
      TAIL: a.byRows || a.r % p.BK > 0 || a.blocks?.widths.some((w) => w % p.BK > 0) === true,
      DIRECT: direct,
      STAGE: Math.max(both, strips(E_PARTS)),
    },
    ...{ L_LOADS: Math.ceil((p.BM * p.BK) / 8 / T), R_LOADS: Math.ceil((p.BN * p.BK) / 8 / W_VECTORS / T) },
    ...{ FM: p.WM / 16, FN: p.WN / 16, KK: p.BK / 16 },
    ...{ E_PARTS, EW: p.WN / E_PARTS, EN: p.WN / E_PARTS / 16, E_STEPS },
    ...(q4 ? { GROUP: q4.group, GROUPS: Math.ceil(a.n / q4.group) } : {}),
  };
  const dense = (side: 'left' | 'right', t: Tensor) =>
    (t.dtype === 'f16' ? f16Source : f32Source)
      .replaceAll('side', side)
      .replaceAll('SIDE', side.toUpperCase())
      .replaceAll('Side', side === 'left' ? 'Left' : 'Right');
  const right = q4
    ? [{ offset16, zero16, offset32 }[q4.meta], q4Source, gemmQ4]
    : [dense('right', a.right as Tensor), rightSource];
  const text = specialise(
    source
      .replaceAll('LEFT_MAJOR', a.byRows ? 'col_major' : 'row_major')
      .replaceAll('RIGHT_MAJOR', rightByR ? 'row_major' : 'col_major'),
    {
      enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
      alias: {
        Out: out,
        ...(q4 && { Packed: packedType(W_VECTORS) }),
        ...(q4 && { Param: q4.meta === 'offset32' ? 'vec2<f32>' : 'u32' }),
      },
      constants,
      include: [
        ...[tileOrder, backwardShape, ...(dropout ? [maskWgsl, maskDropout] : [maskNone])],
        ...[dense('left', a.left), ...right, direct ? directSource : stagedSource],
        ...(four ? [out4] : [scatter ? scatterSource : columnSource, out1]),
      ],
    },
  );
  return loops ? text : unroll(text, constants);
}

/** What gemm.matrix.wgsl knows of blocks; without any, right's columns are out's. */
function blockConstants({ blocks, n }: Gemm): Record<string, number> {
  if (!blocks) return { BLOCKS: 0, EDGE_1: 0, EDGE_2: 0, RANK: n };
  const [first, second, third] = blocks.widths;
  const total = first + second + (third ?? 0);
  return {
    BLOCKS: { sum: 1, rows: 2, columns: 3 }[blocks.along],
    ...{ EDGE_1: first, EDGE_2: third === undefined ? total : first + second },
    RANK: blocks.along === 'columns' ? n : blocks.rank,
  };
}

/** Records a product by a plan that suits it. Sums are f32 in a fixed order. */
export function recordGemm(r: Recorder, a: Gemm, p: GemmPlan, label: string): void {
  const { m, n, rows, dropout, right } = a;
  const q4 = 'kind' in right ? right : undefined;
  // sum_parts writes whole rows, in order.
  const parts = p.splits > 1 && !q4?.perm && a.outLd === n && !a.outColumn;
  const plan = parts ? p : { ...p, splits: 1 };
  const epilogue = { add: a.add ?? false, scale: a.scale ?? 1, offset: a.offset ?? 0 };
  const target = parts ? r.scratch('gemm parts', 'f32', [plan.splits, m, n]) : a.out;
  const placed = { out: target, outLd: n, outColumn: 0, offset: 0, add: false, scale: 1 };
  const call: Gemm = parts ? { ...a, ...placed } : a;
  // K is the width of what is masked: x or dx.
  const K = dropout?.on === 'left' ? a.r : n;
  const shape = backwardUniform(r.gpu, {
    ...{ N: 0, K, ldy: 0, column: 0, part: m * n, dropout },
    ...(parts ? {} : epilogue),
  });
  const bindings: (Tensor | Dim)[] = [a.left, q4 ? q4.words : (right as Tensor), target, rows, shape];
  if (q4) bindings.push(q4.params, ...(q4.perm ? [q4.perm] : []));
  else if (dropout) bindings.push(dropout.state);
  r.dispatch({
    label,
    code: gemmCode(call, plan, target.dtype as 'f16', r.gpu.description.software),
    bindings,
    grid: () => {
      const tiles = Math.ceil((a.byRows ? m : rows.count) / p.BM) * Math.ceil(n / p.BN);
      const [x, y = 1] = fold(tiles);
      return [x, y, plan.splits];
    },
  });
  if (!parts) return;
  const summed = a.byRows ? r.gpu.dim('rows of the result', m) : rows;
  sumParts(r, { parts: target, out: a.out, rows: summed, ...epilogue });
}
