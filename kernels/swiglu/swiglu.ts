/** The gated activation between a feed-forward block's projections (Shazeer 2020). Formula and layouts: swiglu.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import source from './swiglu.wgsl' with { type: 'text' };

export interface Swiglu {
  /** [T, 2 F], f16 or f32: gate's F columns, then up's */
  gateUp: Tensor;
  /** [T, F], of gateUp's type */
  y: Tensor;
  /** How many rows there are, T. */
  rows: Dim;
  /** A power of two on every result, 1 by default; whoever reads y divides by it. */
  scale?: number;
}

const WG = 256;

/** Columns a thread takes: the widest vector that divides F, so that no vector straddles gate and up. */
export function plan(_caps: Caps, F: number): { width: 1 | 2 | 4 } {
  return { width: F % 4 === 0 ? 4 : F % 2 === 0 ? 2 : 1 };
}

export function swiglu(r: Recorder, a: Swiglu): void {
  const [, F] = a.y.shape;
  const { width } = plan(r.gpu.caps, F);
  const vector = (type: string) => (width === 1 ? type : `vec${width}<${type}>`);
  const VECTORS = F / width;
  r.dispatch({
    label: 'swiglu',
    code: specialise(source, {
      enable: a.y.dtype === 'f16' ? ['f16'] : [],
      alias: { Vec: vector(a.y.dtype), Wide: vector('f32') },
      constants: { VECTORS, SCALE: float(a.scale ?? 1), WG },
    }),
    bindings: [a.gateUp, a.y, a.rows],
    grid: () => fold(Math.ceil((a.rows.count * VECTORS) / WG)),
  });
}
