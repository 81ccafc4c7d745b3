/** The gradient of a step's vectors scaled to length one: exp010's batch, and as many passages as Eedi has names. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, output, places } from '../../test/bench_data.ts';
import { EPS, poisoned } from '../../test/numeric.ts';
import { l2NormalizeBackward } from './l2_normalize.backward.ts';
import { l2NormalizeBackwardRef } from './l2_normalize.ref.ts';

export const bench: Bench = (gpu) =>
  gpu.description.software ? [one(gpu, 256, 576)] : [one(gpu, 128, 3584), one(gpu, 2587, 5120)];

function one(gpu: Gpu, S: number, C: number): BenchCase {
  const [x, dy] = [new Noise(1, S * C, 'f32'), new Noise(2, S * C, 'f32')];
  let made: Tensor[] = [];
  return {
    kernel: 'l2_normalize backward',
    shape: `S=${S} C=${C}`,
    bytes: 12 * S * C,
    flops: 7 * S * C,
    record(r) {
      made = [poisoned(gpu, 'dx', 'f32', [S, C]), x.tensor(gpu, 'x', [S, C]), dy.tensor(gpu, 'dy', [S, C])];
      l2NormalizeBackward(r, { dx: made[0], x: made[1], dy: made[2], rows: gpu.dim('rows', S) });
    },
    async check() {
      const got = await output(gpu, made[0]);
      let worst = got.finite ? 0 : Number.POSITIVE_INFINITY;
      for (const s of places(S, 20)) {
        const [xs, dys] = [x.slice(s * C, (s + 1) * C), dy.slice(s * C, (s + 1) * C)];
        const expected = l2NormalizeBackwardRef(xs, dys, 1, C);
        const squares = xs.reduce((sum, v) => sum + v * v, 0);
        const along = xs.reduce((sum, v, c) => sum + Math.abs(v * dys[c]), 0);
        // As l2_normalize.backward.test.ts derives it.
        const roundoffs = (2.5 * (Math.ceil(C / 64) + 8) + 24) * EPS.f32;
        for (let c = 0; c < C; c++) {
          const size = (Math.abs(dys[c]) + (along * Math.abs(xs[c])) / squares) / Math.sqrt(squares);
          worst = Math.max(worst, Math.abs(got.at(s * C + c) - expected[c]) / (roundoffs * size));
        }
      }
      return worst;
    },
    free: () => gpu.free(...made),
  };
}
