/** Dropout whose mask is computed, never stored. Formula and layouts: dropout.wgsl; the random bits: pcg4d.wgsl. */
import type { Caps } from '../../src/gpu/adapter.ts';
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import source from './dropout.wgsl' with { type: 'text' };
import { maskWgsl, siteDim, threshold } from './mask.ts';

export interface Dropout {
  /** [M, C], f16 or f32, at most 2^32 elements */
  x: Tensor;
  /** [M, C], x's dtype, another tensor */
  y: Tensor;
  /** How many rows there are, M. */
  rows: Dim;
  /** The probability of being dropped, in [0, 1). */
  p: number;
  /** Which dropout of the network this is: equal in forward and backward, different everywhere else. */
  site: number;
  /** (seed's low word, its high word, step, 0): set before each step, with `keyOf(seed)`. */
  state: Dim;
}

/** Threads a workgroup; each has four elements. */
export function plan(_caps: Caps): { WG: number } {
  return { WG: 256 };
}

/** Records y = dropout(x); with dy for x and dx for y, the backward pass. */
export function dropout(r: Recorder, a: Dropout): void {
  const [, C] = a.x.shape;
  const { WG } = plan(r.gpu.caps);
  r.dispatch({
    label: 'dropout',
    code: specialise(source, {
      enable: a.x.dtype === 'f16' ? ['f16'] : [],
      alias: { Elem: a.x.dtype },
      constants: { C, THRESHOLD: threshold(a.p), GAIN: float(1 / (1 - a.p)), WG },
      include: [maskWgsl],
    }),
    bindings: [a.x, a.y, a.rows, a.state, siteDim(r.gpu, a.site)],
    grid: () => fold(Math.ceil((a.rows.count * C) / (4 * WG))),
  });
}
