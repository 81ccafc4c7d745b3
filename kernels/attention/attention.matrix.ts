/** Attention on subgroup matrices: which shapes it serves, and the text that runs them. Formula: attention.matrix.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Recorder } from '../../src/gpu/recorder.ts';
import { float, specialise, unroll } from '../../src/gpu/wgsl.ts';
import source from './attention.matrix.wgsl' with { type: 'text' };
import type { Attention, AttentionShape } from './attention.ts';
import { lseText } from './lse.ts';
import type { Cut } from './sequences.ts';

/** Of workgroup memory: two workgroups that take no more share a processor of an H200 (results/h200/occupancy.txt). */
const SHARE = 24 * 1024;

/** What a workgroup takes, and of which sequences. */
export interface MatrixTile extends Cut {
  form: 'matrix' | 'matrix short';
  /** Keys at a time, 16 for each subgroup beside another; in the backward pass of keys, queries. */
  keys: number;
  /** Matrices of 16 rows that a subgroup has. */
  matrices: number;
}

/** Sequences of at most so many tokens are left to single subgroups. */
const SHORT = 32;

/**
 * The tiles of a batch: `long` ones and, for short sequences, those of one subgroup. Which of them a sequence gets depends
 * on its own length alone, so that its results have the same bits in any batch. Wider heads do not fit the registers of one
 * subgroup, and have long tiles alone.
 */
export function matrixTiles(headDim: number, long: MatrixTile): MatrixTile[] {
  if (headDim > 64) return [long];
  return [
    { ...long, over: SHORT },
    { form: 'matrix short', rows: 16, keys: 16, matrices: 1, upTo: SHORT },
  ];
}

/** Four subgroups, two by two. */
const LONG: MatrixTile = { form: 'matrix', rows: 64, keys: 32, matrices: 2 };
/** Of the forward pass. */
export const forwardTiles = (headDim: number): MatrixTile[] => matrixTiles(headDim, LONG);

/**
 * Whether K and V share one place in workgroup memory: where two, with scores and weights, would be more than SHARE. And for
 * a subgroup on its own, whose barriers cost it little: half as many again run at a time.
 */
export function matrixShares(D: number, { rows, keys }: MatrixTile = LONG): boolean {
  const row = keys / 4 + 2 + keys / 8 + 1;
  return keys === 16 || 16 * (2 * (keys * (D / 8 + 1) - 1) + rows * row - 1) + 4 > SHARE;
}

/** Whether subgroup matrices serve a shape: heads of 32, 64, 96 or 128 channels, whose halves are whole matrices. */
export function matrixFits(caps: Caps, { headDim }: AttentionShape): boolean {
  if (!caps.matrix || caps.subgroups?.min !== 32 || caps.subgroups.max !== 32) return false;
  if (headDim % 32 || headDim > 128) return false;
  return caps.maxInvocations >= 2 * LONG.rows && caps.maxWorkgroupStorage >= SHARE;
}

/** Records a call that fits. */
export function attentionMatrix(r: Recorder, a: Attention): void {
  for (const tile of forwardTiles(a.headDim)) {
    const { list, count } = a.sequences.tiles(tile);
    r.dispatch({
      label: `attention ${tile.form}`,
      code: matrixCode(a, tile, r.gpu.description.software),
      bindings: [a.qkv, list, a.y, count, ...(a.lse ? [a.lse] : [])],
      grid: () => [a.heads, count.count],
    });
  }
}

/** The WGSL for a shape and its tiles. `loops`: leave the loops over matrices as they are. */
export function matrixCode(
  { heads, kvHeads, headDim: D, lse }: AttentionShape & Pick<Attention, 'lse'>,
  tile: MatrixTile,
  loops = false,
): string {
  const { rows: ROWS, keys: KEYS, matrices: FM } = tile;
  const counts = {
    Q_LOADS: D / 16,
    LOADS: (KEYS * D) / 16 / ROWS,
    FM,
    KD: D / 16,
    FD: D / KEYS,
    KK: KEYS / 16,
    QUADS: KEYS / 8,
  };
  const text = specialise(source, {
    enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    constants: {
      ...{ H: heads, KV: kvHeads, D, SCALE: float(Math.LOG2E / Math.sqrt(D)), ROWS, KEYS },
      SHARED: matrixShares(D, tile),
      ...counts,
    },
    include: [lseText(lse)],
  });
  return loops ? text : unroll(text, counts);
}
