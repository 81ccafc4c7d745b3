/** Attention's backward pass on subgroup matrices: the text that runs it. Layouts and constants: backward.matrix.wgsl. */
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import type { AttentionShape } from './attention.ts';
import shared from './backward.matrix.wgsl' with { type: 'text' };
import keysSource from './keys.matrix.wgsl' with { type: 'text' };
import queriesSource from './queries.matrix.wgsl' with { type: 'text' };

const KEYS = 32;

export interface BackwardMatrixTile {
  /** Queries, or keys, that a workgroup owns. */
  rows: number;
  threads: number;
  /** Scores, their gradients and the weights each have a place in workgroup memory. */
  apart: boolean;
  /** Vectors of 16 bytes that rows of scores are padded by. */
  pad: number;
}

/** The tile for heads of that width. */
export const backwardMatrixTile = (headDim: number): BackwardMatrixTile =>
  headDim <= 64 ? { rows: 64, threads: 128, apart: false, pad: 1 } : { rows: 32, threads: 128, apart: false, pad: 1 };

/** The WGSL of one half for a shape that `matrixFits`. `loops`: leave the loops over matrices as they are. */
export function backwardMatrixCode(
  of: 'queries' | 'keys',
  s: AttentionShape,
  { rows: ROWS, threads: THREADS, apart: APART, pad: PAD }: BackwardMatrixTile,
  loops = false,
): string {
  const { heads: H, kvHeads: KV, headDim: D } = s;
  const QUADS = (KEYS * ROWS) / THREADS / 4;
  const counts = {
    FM: (4 * ROWS) / THREADS,
    KD: D / 16,
    FD: D / 32,
    KK: KEYS / 16,
    OWN: (ROWS * D) / 8 / THREADS,
    LOADS: (KEYS * D) / 8 / THREADS,
    QUADS,
    PAIRS: QUADS / 2,
    FOUR: 4,
  };
  const text = specialise(of === 'queries' ? queriesSource : keysSource, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...{ H, KV, D, ROWS, KEYS, T: THREADS, APART, PAD, ...counts },
      ...{ SCALE: float(Math.LOG2E / Math.sqrt(D)), INVERSE_ROOT: float(1 / Math.sqrt(D)) },
    },
    include: [shared],
  });
  return loops ? text : unroll(text, counts);
}
