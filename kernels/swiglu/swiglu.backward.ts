/** The gradient of swiglu, in place. Formula and layouts: swiglu.backward.wgsl. */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import source from './swiglu.backward.wgsl' with { type: 'text' };
import { plan } from './swiglu.ts';

export interface SwigluBackward {
  /** [T, 2 F], f16 or f32: in, the forward's input; out, its gradient */
  gateUp: Tensor;
  /** [T, F], of gateUp's type */
  dy: Tensor;
  /** How many rows there are, T. */
  rows: Dim;
  /** The forward's, or 1 where the backward pass of the projection that undoes it leaves it out as well. */
  scale?: number;
}

const WG = 256;

export function swigluBackward(r: Recorder, a: SwigluBackward): void {
  const [, F] = a.dy.shape;
  const { width } = plan(r.gpu.caps, F);
  const vector = (type: string) => (width === 1 ? type : `vec${width}<${type}>`);
  const VECTORS = F / width;
  r.dispatch({
    label: 'swiglu backward',
    code: specialise(source, {
      enable: a.dy.dtype === 'f16' ? ['f16'] : [],
      alias: { Vec: vector(a.dy.dtype), Wide: vector('f32') },
      constants: { VECTORS, SCALE: float(a.scale ?? 1), WG },
    }),
    bindings: [a.gateUp, a.dy, a.rows],
    grid: () => fold(Math.ceil((a.rows.count * VECTORS) / WG)),
  });
}
