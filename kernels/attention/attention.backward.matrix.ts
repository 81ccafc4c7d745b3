/** Attention's backward pass on subgroup matrices: the text that runs it. Layouts and constants: backward.matrix.wgsl. */
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import { type MatrixTile, matrixTiles } from './attention.matrix.ts';
import type { AttentionShape } from './attention.ts';
import shared from './backward.matrix.wgsl' with { type: 'text' };
import keysSource from './keys.matrix.wgsl' with { type: 'text' };
import queriesSource from './queries.matrix.wgsl' with { type: 'text' };

/** What a workgroup owns: a tile's queries, or its keys. */
export function backwardTiles(headDim: number): MatrixTile[] {
  const matrices = headDim <= 64 ? 2 : 1;
  return matrixTiles(headDim, { form: 'matrix', rows: 32 * matrices, keys: 32, matrices });
}

/** The WGSL of one half for a shape that `matrixFits`. `loops`: leave the loops over matrices as they are. */
export function backwardMatrixCode(
  of: 'queries' | 'keys',
  s: AttentionShape,
  { rows: ROWS, keys: KEYS, matrices: FM }: MatrixTile,
  loops = false,
): string {
  const { heads: H, kvHeads: KV, headDim: D } = s;
  const threads = (ROWS * KEYS) / 8 / FM;
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
  const text = specialise(of === 'queries' ? queriesSource : keysSource, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...{ H, KV, D, ROWS, KEYS, ...counts },
      ...{ SCALE: float(Math.LOG2E / Math.sqrt(D)), INVERSE_ROOT: float(1 / Math.sqrt(D)) },
    },
    include: [shared],
  });
  return loops ? text : unroll(text, counts);
}
