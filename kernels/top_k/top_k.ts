/** The k best of every row. Order and layouts: top_k.wgsl. */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './top_k.wgsl' with { type: 'text' };

export interface TopK {
  /** f32 [Q, P] */
  scores: Tensor;
  /** f32 [Q, k], largest first */
  values: Tensor;
  /** u32 [Q, k]: columns of scores */
  indices: Tensor;
  /** x: rows, y: columns of scores, which are that many apart. */
  rows: Dim;
  k: number;
}

export function topK(r: Recorder, { scores, values, indices, rows, k }: TopK): void {
  r.dispatch({
    label: 'top_k',
    code: specialise(source, { constants: { TOP: k, WG: 128 } }),
    bindings: [scores, values, indices, rows],
    grid: () => fold(rows.count),
  });
}
