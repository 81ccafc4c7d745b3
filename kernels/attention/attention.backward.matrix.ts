/** Attention's backward pass on subgroup matrices: the text that runs it. Layouts and constants: backward.matrix.wgsl. */
import { type Constant, float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import { type MatrixTile, matrixTiles } from './attention.matrix.ts';
import type { AttentionShape } from './attention.ts';
import shared from './backward.matrix.wgsl' with { type: 'text' };
import keysSource from './keys.matrix.wgsl' with { type: 'text' };
import queriesSource from './queries.matrix.wgsl' with { type: 'text' };

/** What a workgroup owns: a tile's queries, or its keys. `long`: texts of those lengths have a form of their own. */
export function backwardTiles(headDim: number, long?: { over: number; upTo: number }): MatrixTile[] {
  const matrices = headDim <= 64 ? 2 : 1;
  const [most, ...short] = matrixTiles(headDim, { form: 'matrix', rows: 32 * matrices, keys: 32, matrices });
  return long ? [{ ...most, upTo: long.over }, ...short, { ...most, over: long.upTo }] : [most, ...short];
}

/** Of a tile, what the texts depend on. */
export type TileSize = Pick<MatrixTile, 'rows' | 'keys' | 'matrices'>;

/** The WGSL of one half for a shape that `matrixFits`. `loops`: leave the loops over matrices as they are. */
export function backwardMatrixCode(of: 'queries' | 'keys', s: AttentionShape, tile: TileSize, loops = false): string {
  return sharedCode(of === 'queries' ? queriesSource : keysSource, s, tile, loops, { ROLES: 1 });
}

/** The WGSL of a text that includes backward.matrix.wgsl. `further`: constants that do not follow from shape and tile. */
export function sharedCode(
  source: string,
  { heads: H, kvHeads: KV, headDim: D }: AttentionShape,
  { rows: ROWS, keys: KEYS, matrices: FM }: TileSize,
  loops: boolean,
  further: Readonly<Record<string, Constant>> & { ROLES: number },
  include: readonly string[] = [],
): string {
  const threads = (further.ROLES * ROWS * KEYS) / 8 / FM;
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
  const text = specialise(source, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...{ H, KV, D, ROWS, KEYS, ...counts, ...further },
      ...{ SCALE: float(Math.LOG2E / Math.sqrt(D)), INVERSE_ROOT: float(1 / Math.sqrt(D)) },
    },
    include: [shared, ...include],
  });
  return loops ? text : unroll(text, counts);
}
