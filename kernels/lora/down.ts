/**
 * An adapter's H = d(x) Aᵀ in one dispatch, and x in tiles beside it: how many rows a workgroup takes of a shape, and the
 * text that runs it. Formula and layouts: down.wgsl.
 */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise, unroll } from '../../src/gpu/wgsl.ts';
import { maskWgsl } from '../dropout/mask.ts';
import { PROCESSORS } from '../linear/h200.ts';
import { backwardUniform, type DropoutMask } from '../linear/shape.backward.ts';
import backwardShape from '../linear/shape.backward.wgsl' with { type: 'text' };
import dropoutSource from './down.dropout.wgsl' with { type: 'text' };
import source from './down.wgsl' with { type: 'text' };
import wholeSource from './down.whole.wgsl' with { type: 'text' };

/** A workgroup takes BM rows and BK of k at a time; its subgroups are COLS sets of columns of H, SLICES of every step. */
export interface DownPlan {
  BM: number;
  BK: 64 | 128 | 256;
  COLS: number;
  SLICES: number;
}

/** The numbers that a plan looks at. */
export interface DownShape {
  M: number;
  K: number;
  ranks: number;
  x: 'f16' | 'f32';
}

/** Fewer rows leave most processors idle; a longer sum, or a LONG one of so few rows that some are, is better cut into spans. */
const LEAST_ROWS = 256;
const LONGEST = 3584;
const LONG = 1024;
/** Sums of as many ranks fit a thread's registers beside what it reads. */
const MOST_RANKS = 96;
const SUBGROUPS = 8;

/**
 * The plan for a shape, or undefined where gemm.matrix.ts is to make H: no subgroup matrices, x not f16, K or the ranks not
 * multiples of 16, more than 96 ranks, K above 3,584, fewer than 256 rows, or fewer than 16 a processor and K above 1,024. Rows
 * a workgroup by count, steps as long as workgroup memory has room for. Pure.
 */
export function planDown(caps: Caps, s: DownShape): DownPlan | undefined {
  if (s.M < LEAST_ROWS || s.K > LONGEST || (s.K > LONG && s.M < 16 * PROCESSORS)) return undefined;
  const COLS = s.ranks > 48 && s.ranks % 32 === 0 ? 2 : 1;
  const plans = [16, 32, 48, 64].flatMap((BM) => {
    const steps = ([256, 128, 64] as const).map((BK) => ({
      BM,
      BK,
      COLS,
      SLICES: Math.min(SUBGROUPS / COLS, BK / 16),
    }));
    return steps.find((p) => downFits(caps, s, p)) ?? [];
  });
  return plans.reduce<DownPlan | undefined>((a, b) => (a && clocks(s, a) <= clocks(s, b) ? a : b), undefined);
}

/** The numbers of a call. */
export const downShape = (x: Tensor, A: Tensor): DownShape => ({
  ...{ M: x.shape[0], K: A.shape[1], ranks: A.shape[0] },
  x: x.dtype as DownShape['x'],
});

/** Whether a plan can run a shape. Pure. */
export function downFits(caps: Caps, s: DownShape, p: DownPlan): boolean {
  if (!caps.matrix || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32 || s.x !== 'f16') return false;
  if (s.K % 16 || s.ranks % (16 * p.COLS) || s.ranks > MOST_RANKS || (p.BK / 16) % p.SLICES) return false;
  return threads(p) <= caps.maxInvocations && 16 * stageVectors(p, s.ranks) <= caps.maxWorkgroupStorage;
}

/**
 * What a call costs a processor that runs one workgroup at a time, in clocks: 64 bytes a clock from the L2, of A and twice
 * over, for the mask and the tiles, of x. By count, not by measurement: it ranks the rows a workgroup takes.
 */
function clocks({ M, K, ranks }: DownShape, { BM }: DownPlan): number {
  return Math.ceil(Math.ceil(M / BM) / PROCESSORS) * ((K * (4 * ranks + 8 * BM)) / 64 + 3000);
}

const threads = (p: DownPlan) => 32 * p.COLS * p.SLICES;
/** Vectors of a step of both operands, or of 16 rows of every slice's sums. */
const stageVectors = (p: DownPlan, ranks: number) =>
  Math.max((p.BM + ranks) * (p.BK / 8 + 1), p.SLICES * 16 * (ranks / 4 + 2));

export interface DownCall {
  /** f16 [M, K] */
  x: Tensor;
  /** f32 [ranks, K] */
  A: Tensor;
  rows: Dim;
  /** Masks the x that A sees. */
  dropout?: DropoutMask;
  /** What to write of f32 [M, ranks], f16 [M rounded up to 16, ranks] and [M rounded up to 16, K], the last two in tiles. */
  H?: Tensor;
  hTiles?: Tensor;
  xTiles?: Tensor;
}

/** The WGSL of a call. `loops`: leave the loops over matrices as they are: a software driver compiles for minutes else. */
export function downCode(
  { x, A, dropout, H, hTiles, xTiles }: Omit<DownCall, 'rows'>,
  p: DownPlan,
  loops = false,
): string {
  const [ranks, K] = A.shape;
  const T = threads(p);
  const constants = {
    ...{ K, RANKS: ranks, BM: p.BM, BK: p.BK, COLS: p.COLS, SLICES: p.SLICES, T },
    ...{ FM: p.BM / 16, FN: ranks / 16 / p.COLS, KK: p.BK / 16 / p.SLICES, STAGE: stageVectors(p, ranks) },
    ...{ X_LOADS: Math.ceil((p.BM * p.BK) / 8 / T), A_LOADS: Math.ceil((ranks * p.BK) / 8 / T) },
    ...{ KEEP_H: H !== undefined, TILE_H: hTiles !== undefined, TILE_X: xTiles !== undefined },
  };
  if (x.shape[1] !== K) throw new Error(`lora A: x has ${x.shape[1]} columns and A ${K}`);
  const text = specialise(source, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants,
    include: [backwardShape, ...(dropout ? [maskWgsl, dropoutSource] : [wholeSource])],
  });
  return loops ? text : unroll(text, constants);
}

/** Records a call by a plan that fits. */
export function recordDown(r: Recorder, a: DownCall, p: DownPlan): void {
  const { x, A, rows, dropout, H, hTiles, xTiles } = a;
  // A layout is made of what the text names, so that an output is bound even where it is not wanted.
  const unwanted = (what: string, dtype: 'f16' | 'f32') => r.scratch(`no ${what}`, dtype, [8]);
  const shape = backwardUniform(r.gpu, { N: 0, K: x.shape[1], ldy: 0, column: 0, dropout });
  r.dispatch({
    label: `lora A dense rows${xTiles ? ', tiles' : ''}`,
    code: downCode(a, p, r.gpu.description.software),
    bindings: [
      ...[x, A, H ?? unwanted('H', 'f32'), rows, shape],
      ...[hTiles ?? unwanted('H in tiles', 'f16'), xTiles ?? unwanted('x in tiles', 'f16')],
      ...(dropout ? [dropout.state] : []),
    ],
    grid: () => fold(Math.ceil(rows.count / p.BM)),
  });
}
