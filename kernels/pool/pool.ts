/** One vector a sequence, its last row or the mean of its rows. Formula and layouts: pool.wgsl. */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './pool.wgsl' with { type: 'text' };

export interface Pool {
  /** f32 [T, C] */
  h: Tensor;
  /** u32 [S + 1]: sequence s is rows starts[s] .. starts[s + 1] - 1, at least one */
  starts: Tensor;
  /** f32 [S, C] */
  y: Tensor;
  /** How many sequences there are, S. */
  count: Dim;
}

const WG = 256;

/** y[s] = the last row of sequence s. */
export const poolLast = (r: Recorder, a: Pool): void => pool(r, a, false);

/** y[s] = the mean of sequence s's rows. */
export const poolMean = (r: Recorder, a: Pool): void => pool(r, a, true);

function pool(r: Recorder, a: Pool, MEAN: boolean): void {
  const [, C] = a.h.shape;
  r.dispatch({
    label: MEAN ? 'pool mean' : 'pool last',
    code: specialise(source, { constants: { C, MEAN, WG } }),
    bindings: [a.h, a.starts, a.y, a.count],
    grid: () => fold(Math.ceil((a.count.count * C) / WG)),
  });
}
