/** One vector for each of a batch's sequences, in Qwen2.5-0.5B's width: the last rows, and the means. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { EPS, fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { poolLastRef, poolMeanRef } from './pool.ref.ts';
import { poolLast, poolMean } from './pool.ts';

export const bench: Bench = (gpu) => {
  const [S, n, C] = gpu.description.software ? [2, 33, 576] : [16, 144, 896];
  const starts = Array.from({ length: S + 1 }, (_, s) => s * n);
  const values = normal(1, S * n * C);
  const one = (mean: boolean): BenchCase => {
    let made: Tensor[] = [];
    return {
      kernel: mean ? 'pool mean' : 'pool last',
      shape: `${S}x${n} C=${C}`,
      bytes: 4 * C * S * (mean ? n + 1 : 2),
      flops: mean ? S * n * C : 0,
      record(r) {
        const h = toGpu(gpu, 'h', 'f32', [S * n, C], values);
        const startTensor = toGpu(gpu, 'starts', 'u32', [S + 1], starts);
        const y = poisoned(gpu, 'y', 'f32', [S, C]);
        made = [y, h, startTensor];
        (mean ? poolMean : poolLast)(r, { h, starts: startTensor, y, count: gpu.dim('count', S) });
      },
      async check() {
        const y = await fromGpu(gpu, made[0]);
        const expected = (mean ? poolMeanRef : poolLastRef)(values, starts, C);
        const sizes = poolMeanRef(values.map(Math.abs), starts, C);
        // As pool.test.ts derives it; a last row is copied.
        const allowed = (i: number) => (mean ? (n + 5) * EPS.f32 * sizes[i] : Number.MIN_VALUE);
        const errors = y.map((x, i) => Math.abs(x - expected[i]) / allowed(i));
        return errors.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(...errors);
      },
      free: () => gpu.free(...made),
    };
  };
  return [one(false), one(true)];
};
