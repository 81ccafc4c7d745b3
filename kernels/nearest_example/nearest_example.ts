/** Scores of names mixed with those of labelled examples. Formula and layouts: nearest_example.wgsl. */
import type { Dim, Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import source from './nearest_example.wgsl' with { type: 'text' };

export interface NearestExample {
  /** f32 [Q, N]: cosines of queries and names */
  scores: Tensor;
  /** f32 [Q, E]: cosines of queries and examples, which lie in the order of the names they bear */
  similar: Tensor;
  /** u32 [N + 1]: where each name's examples begin; the last is E */
  first: Tensor;
  /** u32 [E]: the question that an example comes from */
  origin: Tensor;
  /** u32 [Q]: the question of a query, or a number that no example has */
  own: Tensor;
  /** f32 [Q, N] */
  y: Tensor;
  /** x: queries, y: names */
  rows: Dim;
  /** The examples' share of a score, from 0 to 1. */
  weight: number;
}

export function nearestExample(r: Recorder, a: NearestExample): void {
  const { scores, similar, first, origin, own, y, rows, weight } = a;
  r.dispatch({
    label: 'nearest_example',
    code: specialise(source, { constants: { W: float(weight) } }),
    bindings: [scores, similar, first, origin, own, y, rows],
    grid: () => [Math.ceil(rows.value[1] / 64), rows.count],
  });
}
