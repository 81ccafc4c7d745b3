/** The gradient of a linear layer with respect to its bias, the sums of dY's columns. Formula: bias_gradient.wgsl. */
import type { Dim, Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './bias_gradient.wgsl' with { type: 'text' };
import { sumParts } from './sum_parts.ts';
import type { Region } from './weight_gradient.ts';

export interface BiasGradient {
  /** [M, ldy], f16 or f32 */
  dy: Tensor;
  /** First column of dy that belongs to this layer, default 0. */
  column?: number;
  N: number;
  /** f32 [N] */
  dbias: Region;
  /** How many rows there are, at most M. */
  rows: Dim;
  /** Adds to what dbias holds. */
  add?: boolean;
}

/** Spans of rows that are summed apart. */
const PARTS = 64;
const WG = 64;

/** dbias[n] (+)= Σm dy[m, column + n], m < rows. Throws an Error where shapes do not fit each other. */
export function biasGradient(r: Recorder, a: BiasGradient): void {
  const { dy, N, dbias, rows, add, column = 0 } = a;
  const ldy = dy.shape[1];
  if (column + N > ldy)
    throw new Error(`bias gradient ${dy.label}: columns ${column} to ${column + N} are not in dy's ${ldy}`);
  const parts = r.scratch('dbias parts', 'f32', [PARTS, 1, N]);
  r.dispatch({
    label: 'bias gradient',
    code: specialise(source, {
      enable: dy.dtype === 'f16' ? ['f16'] : [],
      alias: { DY: dy.dtype },
      constants: { WG },
    }),
    bindings: [dy, parts, rows, r.gpu.uniform('bias gradient shape', Uint32Array.of(N, ldy, column, PARTS))],
    grid: [Math.ceil(N / WG), PARTS],
  });
  sumParts(r, { parts, out: dbias.data, offset: dbias.offset, add, rows: r.gpu.dim('one row', 1) });
}
