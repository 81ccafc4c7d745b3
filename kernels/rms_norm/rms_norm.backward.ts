/** The gradients of rms_norm. Formulas and layouts: rms_norm.backward.wgsl and rms_norm.weight.wgsl. */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { float, specialise } from '../../src/gpu/wgsl.ts';
import { sumParts } from '../linear/sum_parts.ts';
import type { Region } from '../linear/weight_gradient.ts';
import { copyText } from './copy.ts';
import source from './rms_norm.backward.wgsl' with { type: 'text' };
import { plan } from './rms_norm.ts';
import weightSource from './rms_norm.weight.wgsl' with { type: 'text' };

export interface RmsNormBackward {
  /** f32 [M, C]: the forward's input */
  x: Tensor;
  /** f32 [C] */
  weight: Tensor;
  /** [M, C], f16 or f32 */
  dy: Tensor;
  /** f32 [M, C] */
  dx: Tensor;
  /** [M, C], of dy's type: gets dx too, as the products below read it. */
  copy?: Tensor;
  /** How many rows there are, at most M. */
  rows: Dim;
  eps: number;
  /** Adds to what dx holds: the residual stream's gradient, which goes around the norm too. */
  add?: boolean;
  /** f32 [C], where the weight is trained. */
  dweight?: Region & { add?: boolean };
}

/** Rows that a thread sums for the weight's gradient, one after the other, and the most spans that there are of them. */
const SPAN = 64;
const MOST_PARTS = 256;

export function rmsNormBackward(r: Recorder, a: RmsNormBackward): void {
  const { x, weight, dy, dx, copy, rows, dweight } = a;
  const [M, C] = x.shape;
  const { WG } = plan(r.gpu.caps, C);
  if (copy && copy.dtype !== dy.dtype) throw new Error(`rms_norm backward: ${copy.label} is not of dy's type`);
  const specialised = { enable: dy.dtype === 'f16' ? ['f16'] : [], alias: { Elem: dy.dtype } };
  const scales = r.scratch('rms_norm scales', 'f32', [M]);
  r.dispatch({
    label: 'rms_norm backward',
    code: specialise(source, {
      enable: specialised.enable,
      alias: { ...specialised.alias, X: 'f32' },
      constants: { C, EPS: float(a.eps), ADD: a.add ?? false, WG },
      include: [copyText(copy, 6, dy.dtype)],
    }),
    bindings: [x, weight, dy, dx, scales, rows, ...(copy ? [copy] : [])],
    grid: () => fold(rows.count),
  });
  if (!dweight) return;
  const PARTS = Math.min(MOST_PARTS, Math.ceil(M / SPAN));
  const parts = r.scratch('rms_norm weight parts', 'f32', [PARTS, 1, C]);
  r.dispatch({
    label: 'rms_norm weight gradient',
    code: specialise(weightSource, { ...specialised, constants: { C, PARTS, WG: 64 } }),
    bindings: [x, dy, scales, parts, rows],
    grid: [Math.ceil(C / 64), PARTS],
  });
  const { data, offset, add } = dweight;
  sumParts(r, { parts, out: data, offset, add, rows: r.gpu.dim('one row', 1) });
}
