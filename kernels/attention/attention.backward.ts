/**
 * The gradient of attention, recomputing its weights: one kernel for queries, one for keys and values. Formulas,
 * layouts and the reason for the tiles: attention.backward.wgsl.
 */
import { type Caps, PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import type { Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import shared from './attention.backward.wgsl' with { type: 'text' };
import keysSource from './attention.keys.wgsl' with { type: 'text' };
import queriesSource from './attention.queries.wgsl' with { type: 'text' };
import type { AttentionShape } from './attention.ts';
import type { Sequences } from './sequences.ts';

export interface AttentionBackward extends AttentionShape {
  /** [T, (heads + 2 kvHeads) headDim], f16 or f32: the forward's input */
  qkv: Tensor;
  /** [T, heads headDim], of qkv's type: the forward's output */
  y: Tensor;
  /** [T, heads headDim], of qkv's type */
  dy: Tensor;
  /** [T, (heads + 2 kvHeads) headDim], of qkv's type: every row of the batch is written */
  dqkv: Tensor;
  /** With any tileRows. */
  sequences: Sequences;
}

export interface AttentionBackwardPlan {
  /** Queries, or keys, that a workgroup owns. */
  rows: number;
  /** Threads that share one. */
  parts: number;
  /** Keys, or queries, staged at a time. */
  keys: number;
}

/** Threads by the registers that a row's four vectors take, keys by what the portable tier's workgroup memory holds. */
export function planBackward(_caps: Caps, { headDim }: { headDim: number }): AttentionBackwardPlan {
  const rows = 32;
  const parts = headDim % 32 === 0 && headDim > 128 ? 8 : headDim % 16 === 0 ? 4 : 2;
  const bytes = (keys: number) => 8 * keys * (headDim + parts * rows) + 16 * (rows + keys);
  const fits = (keys: number) => bytes(keys) <= PORTABLE_CAPS.maxWorkgroupStorage;
  return { rows, parts, keys: [16, 12, 8, 6, 4, 3, 2].find(fits) as number };
}

/** Records dqkv. Sums are f32 in a fixed order. Throws an Error where the shape is none that the kernels compute. */
export function attentionBackward(r: Recorder, a: AttentionBackward): void {
  const { heads: H, kvHeads: KV, headDim, sequences, qkv, y, dy, dqkv } = a;
  if (headDim % 8 || headDim > 256 || H % KV)
    throw new Error(
      `attention backward: ${H} heads on ${KV}, each ${headDim} wide: the width must be a multiple of 8 up to 256, and the heads one of ${KV}`,
    );
  const { rows, parts, keys } = planBackward(r.gpu.caps, a);
  const specialised = {
    enable: qkv.dtype === 'f16' ? ['f16'] : [],
    alias: { Vec: `vec4<${qkv.dtype}>` },
    constants: {
      ...{ H, KV, D4: headDim / 4, ROWS: rows, PARTS: parts, KEYS: keys, ROLLED: r.gpu.description.software },
      ...{ SCALE: float(Math.LOG2E / Math.sqrt(headDim)), INVERSE_ROOT: float(1 / Math.sqrt(headDim)) },
    },
    include: [shared],
  };
  const stats = r.scratch('attention stats', 'f32', [qkv.shape[0], H, 4]);
  const common = [qkv, dy, dqkv, stats, sequences.tiles, sequences.tileCount];
  const slices = Math.ceil(sequences.tileRows / rows);
  r.dispatch({
    label: 'attention backward queries',
    code: specialise(queriesSource, specialised),
    bindings: [...common, y],
    grid: () => [H, sequences.tileCount.count, slices],
  });
  r.dispatch({
    label: 'attention backward keys',
    code: specialise(keysSource, specialised),
    bindings: [...common, sequences.starts],
    grid: () => [KV, sequences.tileCount.count, slices],
  });
}
