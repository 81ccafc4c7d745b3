/** The gradient of one vector a sequence, spread over its rows. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, output, places } from '../../test/bench_data.ts';
import { poisoned, toGpu } from '../../test/numeric.ts';
import { poolLastBackward, poolMeanBackward } from './pool.backward.ts';

export const bench: Bench = (gpu) => {
  const [S, n, C] = gpu.description.software ? [2, 33, 576] : [16, 144, 3584];
  const starts = Array.from({ length: S + 1 }, (_, s) => s * n);
  const dy = new Noise(1, S * C, 'f32');
  const one = (mean: boolean): BenchCase => {
    let made: Tensor[] = [];
    return {
      kernel: `pool ${mean ? 'mean' : 'last'} backward`,
      shape: `${S}x${n} C=${C}`,
      bytes: 4 * C * S * (n + 1),
      flops: mean ? S * C : 0,
      record(r) {
        const dh = poisoned(gpu, 'dh', 'f32', [S * n, C]);
        made = [dh, dy.tensor(gpu, 'dy', [S, C]), toGpu(gpu, 'starts', 'u32', [S + 1], starts)];
        const call = { dy: made[1], starts: made[2], dh, count: gpu.dim('count', S) };
        (mean ? poolMeanBackward : poolLastBackward)(r, call);
      },
      async check() {
        const got = await output(gpu, made[0]);
        let worst = got.finite ? 0 : Number.POSITIVE_INFINITY;
        for (const i of places(S * n * C, 20000)) {
          const [row, c] = [Math.floor(i / C), i % C];
          const own = dy.at(Math.floor(row / n) * C + c);
          const value = mean ? own / n : row % n === n - 1 ? own : 0;
          // As pool.backward.test.ts derives it; a last row is copied.
          const allowed = mean ? 2.5 * 2 ** -23 * Math.abs(value) + 1e-37 : Number.MIN_VALUE;
          worst = Math.max(worst, Math.abs(got.at(i) - value) / allowed);
        }
        return worst;
      },
      free: () => gpu.free(...made),
    };
  };
  return [one(false), one(true)];
};
