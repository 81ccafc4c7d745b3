/** The gradient of l2_normalize. Formula and layouts: l2_normalize.backward.wgsl. */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './l2_normalize.backward.wgsl' with { type: 'text' };
import { plan } from './l2_normalize.ts';

export interface L2NormalizeBackward {
  /** f32 [S, C]: the forward's input */
  x: Tensor;
  /** f32 [S, C] */
  dy: Tensor;
  /** f32 [S, C], another tensor than x and dy */
  dx: Tensor;
  /** How many rows there are, S. */
  rows: Dim;
}

export function l2NormalizeBackward(r: Recorder, a: L2NormalizeBackward): void {
  const [, C] = a.x.shape;
  r.dispatch({
    label: 'l2_normalize backward',
    code: specialise(source, { constants: { C, ...plan(r.gpu.caps, C) } }),
    bindings: [a.x, a.dy, a.dx, a.rows],
    grid: () => fold(a.rows.count),
  });
}
