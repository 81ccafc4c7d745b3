/** The gradient of pooling: each sequence's, spread over its rows. Formula and layouts: pool.backward.wgsl. */
import { type Dim, fold, type Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import source from './pool.backward.wgsl' with { type: 'text' };

export interface PoolBackward {
  /** f32 [S, C] */
  dy: Tensor;
  /** u32 [S + 1]: sequence s is rows starts[s] .. starts[s + 1] - 1, at least one */
  starts: Tensor;
  /** f32 [T, C]: every row of a sequence is written */
  dh: Tensor;
  /** How many sequences there are, S. */
  count: Dim;
}

const WG = 256;

/** dh = dy in the last row of each sequence, 0 in the others. */
export const poolLastBackward = (r: Recorder, a: PoolBackward): void => backward(r, a, false);

/** dh = dy / length in every row of a sequence. */
export const poolMeanBackward = (r: Recorder, a: PoolBackward): void => backward(r, a, true);

function backward(r: Recorder, a: PoolBackward, MEAN: boolean): void {
  const [, C] = a.dh.shape;
  r.dispatch({
    label: MEAN ? 'pool mean backward' : 'pool last backward',
    code: specialise(source, { constants: { C, MEAN, WG } }),
    bindings: [a.dy, a.starts, a.dh, a.count],
    grid: () => fold(Math.ceil((a.count.count * C) / WG)),
  });
}
