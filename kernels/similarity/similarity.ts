/** Dot products of all queries with all passages. Formula and layouts: similarity.wgsl. */
import type { Dim, Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './similarity.wgsl' with { type: 'text' };

export interface Similarity {
  /** f32 [Q, C] */
  queries: Tensor;
  /** f32 [P, C] */
  passages: Tensor;
  /** f32 [Q, P] */
  y: Tensor;
  /** x: queries, y: passages; the rows of y are that many passages apart. */
  rows: Dim;
}

export function similarity(r: Recorder, { queries, passages, y, rows }: Similarity): void {
  const C = queries.shape[1];
  if (passages.shape[1] !== C) throw new Error(`similarity: vectors of ${C} and of ${passages.shape[1]} numbers`);
  r.dispatch({
    label: 'similarity',
    code: specialise(source, { constants: { C } }),
    bindings: [queries, passages, y, rows],
    grid: () => [Math.ceil(rows.value[1] / 32), Math.ceil(rows.count / 32)],
  });
}
