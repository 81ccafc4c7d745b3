/** Rows scaled to length one, so that a dot product is a cosine. Formula and layouts: l2_normalize.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './l2_normalize.wgsl' with { type: 'text' };

export interface L2Normalize {
  /** f32 [S, C] */
  x: Tensor;
  /** f32 [S, C], another tensor than x */
  y: Tensor;
  /** How many rows there are, S. */
  rows: Dim;
}

/** Threads a row: enough to cover it in a few strides, no more than the portable tier's 256. */
export function plan(_caps: Caps, C: number): { WG: number } {
  return { WG: C >= 1024 ? 256 : C >= 256 ? 128 : 64 };
}

export function l2Normalize(r: Recorder, a: L2Normalize): void {
  const [, C] = a.x.shape;
  r.dispatch({
    label: 'l2_normalize',
    code: specialise(source, { constants: { C, ...plan(r.gpu.caps, C) } }),
    bindings: [a.x, a.y, a.rows],
    grid: () => fold(a.rows.count),
  });
}
