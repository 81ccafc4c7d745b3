/** The gradient of the embedding table, deterministic. Formula and layouts: embed_backward.wgsl; reference: embed.ref.ts. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import type { EmbedTable } from '../embed/embed.ts';
import source from './embed_backward.wgsl' with { type: 'text' };
import type { TokenRows } from './token_rows.ts';

export interface EmbedBackward {
  /** f32 [T, C] */
  dh: Tensor;
  rows: TokenRows;
  /** The table's gradient: f32 chunks, cut as the table is. Rows of tokens that the batch has not stay as they are. */
  dtable: EmbedTable;
  /** Add to what the rows hold, instead of replacing it. */
  add: boolean;
}

/** Threads a workgroup, each with one column; no more than a row has, in steps of 32. */
export function plan(_caps: Caps, C: number): { WG: number; BLOCKS: number } {
  const WG = Math.min(128, Math.ceil(C / 32) * 32);
  return { WG, BLOCKS: Math.ceil(C / WG) };
}

export function embedBackward(r: Recorder, a: EmbedBackward): void {
  const { C, chunks } = a.dtable;
  const { WG, BLOCKS } = plan(r.gpu.caps, C);
  const { count, ids, offsets, order } = a.rows;
  for (const { first, count: COUNT, data } of chunks) {
    if (data.dtype !== 'f32') throw new Error(`embed_backward: gradients are f32, ${data.label} is ${data.dtype}`);
    r.dispatch({
      label: 'embed_backward',
      code: specialise(source, { constants: { FIRST: first, COUNT, C, BLOCKS, ADD: a.add, WG } }),
      bindings: [a.dh, ids, offsets, order, data, count],
      grid: () => fold(count.count * BLOCKS),
    });
  }
}
