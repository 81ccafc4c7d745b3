/** Root-mean-square normalisation of rows (Zhang and Sennrich 2019). Formula and layouts: rms_norm.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import { copyText } from './copy.ts';
import source from './rms_norm.wgsl' with { type: 'text' };

export interface RmsNorm {
  /** f32 [M, C] */
  x: Tensor;
  /** f32 [C] */
  weight: Tensor;
  /** [M, C], f16 or f32 */
  y: Tensor;
  /** f32 [M, C]: gets x as it is, where x changes before the backward pass reads it. */
  copy?: Tensor;
  /** How many rows there are, M. */
  rows: Dim;
  eps: number;
}

export interface RmsNormPlan {
  /** Numbers read at a time. */
  width: 1 | 4;
  /** Threads a row: about four reads each, and no more than the portable tier's 256. */
  WG: number;
}

export function plan(_caps: Caps, C: number): RmsNormPlan {
  const width = C % 4 ? 1 : 4;
  const reads = C / width / 4;
  return { width, WG: reads > 128 ? 256 : reads > 64 ? 128 : reads > 32 ? 64 : 32 };
}

const SQUARE = {
  1: 'fn square(v: f32) -> f32 { return v * v; }',
  4: 'fn square(v: vec4<f32>) -> f32 { return dot(v, v); }',
};

export function rmsNorm(r: Recorder, a: RmsNorm): void {
  const [, C] = a.x.shape;
  const { width, WG } = plan(r.gpu.caps, C);
  const f16 = a.y.dtype === 'f16';
  const vector = (type: string) => (width === 4 ? `vec4<${type}>` : type);
  r.dispatch({
    label: 'rms_norm',
    code: specialise(source, {
      enable: f16 ? ['f16'] : [],
      alias: { X: vector('f32'), Y: vector(a.y.dtype) },
      include: [SQUARE[width], copyText(a.copy, 4, vector('f32'))],
      constants: { C, VECTORS: C / width, EPS: float(a.eps), WG },
    }),
    bindings: [a.x, a.weight, a.y, a.rows, ...(a.copy ? [a.copy] : [])],
    grid: () => fold(a.rows.count),
  });
}
