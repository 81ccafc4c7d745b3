/** Root-mean-square normalisation of rows (Zhang and Sennrich 2019). Formula and layouts: rms_norm.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import source from './rms_norm.wgsl' with { type: 'text' };

export interface RmsNorm {
  /** f32 [M, C] */
  x: Tensor;
  /** f32 [C] */
  weight: Tensor;
  /** [M, C], f16 or f32 */
  y: Tensor;
  /** How many rows there are, M. */
  rows: Dim;
  eps: number;
}

/** Threads a row: enough to cover it in a few strides, no more than the portable tier's 256. */
export function plan(_caps: Caps, C: number): { WG: number } {
  return { WG: C >= 1024 ? 256 : C >= 256 ? 128 : 64 };
}

export function rmsNorm(r: Recorder, a: RmsNorm): void {
  const [, C] = a.x.shape;
  const { WG } = plan(r.gpu.caps, C);
  const f16 = a.y.dtype === 'f16';
  r.dispatch({
    label: 'rms_norm',
    code: specialise(source, {
      enable: f16 ? ['f16'] : [],
      alias: { Elem: a.y.dtype },
      constants: { C, EPS: float(a.eps), WG },
    }),
    bindings: [a.x, a.weight, a.y, a.rows],
    grid: () => fold(a.rows.count),
  });
}
