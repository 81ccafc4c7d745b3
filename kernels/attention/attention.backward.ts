/**
 * The gradient of attention, recomputing its weights: one kernel for queries, one for keys and values. Formulas,
 * layouts and the reason for the tiles: attention.backward.wgsl, and backward.matrix.wgsl for subgroup matrices.
 */
import { type Caps, PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import type { Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import { backwardLong, dsArea, type LongForm, longForm } from './attention.backward.long.ts';
import { backwardMatrixCode, backwardTiles } from './attention.backward.matrix.ts';
import shared from './attention.backward.wgsl' with { type: 'text' };
import keysSource from './attention.keys.wgsl' with { type: 'text' };
import { matrixFits } from './attention.matrix.ts';
import queriesSource from './attention.queries.wgsl' with { type: 'text' };
import type { AttentionShape } from './attention.ts';
import type { Cut, Sequences } from './sequences.ts';

export interface AttentionBackward extends AttentionShape {
  /** [T, (heads + 2 kvHeads) headDim], f16 or f32: the forward's input */
  qkv: Tensor;
  /** [T, heads headDim], of qkv's type: the forward's output */
  y: Tensor;
  /** [T, heads headDim], of qkv's type */
  dy: Tensor;
  /** f32 [T, heads]: the forward's */
  lse: Tensor;
  /** [T, (heads + 2 kvHeads) headDim], of qkv's type: every row of the batch is written */
  dqkv: Tensor;
  sequences: Sequences;
}

export type AttentionBackwardPlan = BackwardTile | { form: 'matrix' };

export interface BackwardTile {
  form: 'plain';
  /** Queries, or keys, that a workgroup owns. */
  rows: number;
  /** Threads that share one. */
  parts: number;
  /** Keys, or queries, staged at a time. */
  keys: number;
}

/** Subgroup matrices where they serve the shape (f16, heads of 32, 64, 96 or 128 channels), else plain threads. Pure. */
export function planBackward(caps: Caps, shape: AttentionShape, dtype: 'f16' | 'f32' = 'f16'): AttentionBackwardPlan {
  if (dtype === 'f16' && matrixFits(caps, shape)) return { form: 'matrix' };
  return plainBackward(shape.headDim);
}

/** Threads by the registers that a row's four vectors take, keys by what the portable tier's workgroup memory holds. */
export function plainBackward(headDim: number): BackwardTile {
  const rows = 32;
  const parts = headDim % 32 === 0 && headDim > 128 ? 8 : headDim % 16 === 0 ? 4 : 2;
  const bytes = (keys: number) => 8 * keys * (headDim + parts * rows) + 16 * (rows + keys);
  const fits = (keys: number) => bytes(keys) <= PORTABLE_CAPS.maxWorkgroupStorage;
  return { form: 'plain', rows, parts, keys: [16, 12, 8, 6, 4, 3, 2].find(fits) as number };
}

/**
 * Records dqkv. Sums are f32 in a fixed order. Throws an Error where the shape is none that the kernels compute. `long`: how
 * long texts are done on subgroup matrices, null: as others are.
 */
export function attentionBackward(
  r: Recorder,
  a: AttentionBackward,
  long: LongForm | null = longForm(a.headDim) ?? null,
): void {
  const { heads: H, kvHeads: KV, headDim, sequences, qkv, y, dy, dqkv } = a;
  if (headDim % 8 || headDim > 256 || H % KV)
    throw new Error(
      `attention backward: ${H} heads on ${KV}, each ${headDim} wide: the width must be a multiple of 8 up to 256, and the heads one of ${KV}`,
    );
  const p = planBackward(r.gpu.caps, a, qkv.dtype as 'f16');
  const along = r.scratch('attention dy . y', 'f32', [qkv.shape[0], H]);
  const record = (of: 'queries' | 'keys', form: string, cut: Cut, code: string) => {
    const { list, count } = sequences.tiles(cut);
    r.dispatch({
      label: `attention backward ${of}${form}`,
      code,
      bindings: [qkv, dy, dqkv, along, list, count, a.lse, of === 'queries' ? y : sequences.starts],
      grid: () => [of === 'queries' ? H : KV, count.count],
    });
  };
  const area = p.form === 'matrix' && long ? dsArea(sequences, H, long.over, r.gpu.caps) : undefined;
  for (const of of ['queries', 'keys'] as const)
    if (p.form === 'plain') record(of, '', p, plainCode(of, a, p, r));
    else
      for (const tile of backwardTiles(headDim, area))
        record(of, ` ${tile.form}`, tile, backwardMatrixCode(of, a, tile, r.gpu.description.software));
  if (long && area) backwardLong(r, { ...a, along }, long, area);
}

function plainCode(of: 'queries' | 'keys', a: AttentionBackward, p: BackwardTile, r: Recorder): string {
  const { heads: H, kvHeads: KV, headDim, qkv } = a;
  return specialise(of === 'queries' ? queriesSource : keysSource, {
    enable: qkv.dtype === 'f16' ? ['f16'] : [],
    alias: { Vec: `vec4<${qkv.dtype}>` },
    constants: {
      ...{ H, KV, D4: headDim / 4, ROWS: p.rows, PARTS: p.parts, KEYS: p.keys, ROLLED: r.gpu.description.software },
      ...{ SCALE: float(Math.LOG2E / Math.sqrt(headDim)), INVERSE_ROOT: float(1 / Math.sqrt(headDim)) },
    },
    include: [shared],
  });
}
