/** Rows copied from one tensor to another, and from one type to another. Formula and layouts: copy.wgsl. */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './copy.wgsl' with { type: 'text' };

export interface Copy {
  /** [.., C], f16 or f32 */
  x: Tensor;
  /** [.., C], f16 or f32; another buffer than x's */
  y: Tensor;
  /** x: how many rows; y: the first of x; z: the first of y. */
  rows: Dim;
}

const WG = 256;

/** Records the copy. Throws an Error where the columns differ. */
export function copy(r: Recorder, { x, y, rows }: Copy): void {
  const C = x.shape[1];
  if (y.shape[1] !== C) throw new Error(`copy ${x.label} -> ${y.label}: ${C} columns and ${y.shape[1]}`);
  const width = C % 4 ? 1 : 4;
  const VECTORS = C / width;
  const type = (t: Tensor) => (width === 1 ? t.dtype : `vec4<${t.dtype}>`);
  r.dispatch({
    label: 'copy',
    code: specialise(source, {
      enable: x.dtype === 'f16' || y.dtype === 'f16' ? ['f16'] : [],
      alias: { X: type(x), Y: type(y) },
      constants: { VECTORS, WG },
    }),
    bindings: [x, y, rows],
    grid: () => fold(Math.ceil((rows.count * VECTORS) / WG)),
  });
}
