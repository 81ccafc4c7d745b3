/** Attention's backward pass on subgroup matrices: the text that runs it. Layouts and constants: backward.matrix.wgsl. */
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import { type MatrixTile, matrixTiles } from './attention.matrix.ts';
import type { AttentionShape } from './attention.ts';
import shared from './backward.matrix.wgsl' with { type: 'text' };
import dsNone from './ds.none.wgsl' with { type: 'text' };
import keysLongSource from './keys.long.wgsl' with { type: 'text' };
import keysSource from './keys.matrix.wgsl' with { type: 'text' };
import queriesSource from './queries.matrix.wgsl' with { type: 'text' };

/** What a workgroup owns: a tile's queries, or its keys. `long`: texts of those lengths have a form of their own. */
export function backwardTiles(headDim: number, long?: { over: number; upTo: number }): MatrixTile[] {
  const matrices = headDim <= 64 ? 2 : 1;
  const [most, ...short] = matrixTiles(headDim, { form: 'matrix', rows: 32 * matrices, keys: 32, matrices });
  return long ? [{ ...most, upTo: long.over }, ...short, { ...most, over: long.upTo }] : [most, ...short];
}

/** What the keys' kernel is told beside its tile. */
export interface KeysOptions {
  /** What it includes to keep ds. */
  ds?: string;
  /** Workgroups that share a group's heads, and rows of each one's sums: in keys.long.wgsl. */
  splits?: number;
  tokens?: number;
}

/** The WGSL of one half for a shape that `matrixFits`. `loops`: leave the loops over matrices as they are. */
export function backwardMatrixCode(
  of: 'queries' | 'keys',
  s: AttentionShape,
  { form, rows: ROWS, keys: KEYS, matrices: FM }: MatrixTile,
  loops = false,
  { ds = dsNone, splits = 1, tokens = 0 }: KeysOptions = {},
): string {
  const { heads: H, kvHeads: KV, headDim: D } = s;
  const long = form === 'matrix long';
  const ROLES = long ? 2 : 1;
  const threads = (ROLES * ROWS * KEYS) / 8 / FM;
  const QUADS = (KEYS * ROWS) / threads / 4;
  const counts = {
    FM,
    KD: D / 16,
    FD: D / KEYS,
    KK: KEYS / 16,
    OWN: (ROWS * D) / 8 / threads,
    LOADS: (KEYS * D) / 8 / threads,
    QUADS,
    PAIRS: QUADS / 2,
    FOUR: 4,
  };
  const text = specialise(of === 'queries' ? queriesSource : long ? keysLongSource : keysSource, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...{ H, KV, D, ROWS, KEYS, ROLES, ...counts },
      ...(long && { SPLITS: splits, TOKENS: tokens }),
      ...{ SCALE: float(Math.LOG2E / Math.sqrt(D)), INVERSE_ROOT: float(1 / Math.sqrt(D)) },
    },
    include: of === 'keys' ? [shared, ds] : [shared],
  });
  return loops ? text : unroll(text, counts);
}
