/** Eedi's taxonomy scaled to length one, at SmolLM2's width. */
import type { Bench } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { EPS, fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { l2NormalizeRef } from './l2_normalize.ref.ts';
import { l2Normalize } from './l2_normalize.ts';

export const bench: Bench = (gpu) => {
  const [S, C] = gpu.description.software ? [256, 576] : [2587, 576];
  const values = normal(1, S * C);
  let made: Tensor[] = [];
  return [
    {
      kernel: 'l2_normalize',
      shape: `S=${S} C=${C}`,
      bytes: 8 * S * C,
      flops: 3 * S * C,
      record(r) {
        const x = toGpu(gpu, 'x', 'f32', [S, C], values);
        const y = poisoned(gpu, 'y', 'f32', [S, C]);
        made = [y, x];
        l2Normalize(r, { x, y, rows: gpu.dim('rows', S) });
      },
      async check() {
        const y = await fromGpu(gpu, made[0]);
        const expected = l2NormalizeRef(values, S, C);
        // As l2_normalize.test.ts derives it.
        const share = (C / 2 + 15) * EPS.f32;
        let worst = y.every(Number.isFinite) ? 0 : Number.POSITIVE_INFINITY;
        for (let i = 0; i < y.length; i++)
          worst = Math.max(worst, Math.abs(y[i] - expected[i]) / (share * Math.abs(expected[i]) + 1e-37));
        return worst;
      },
      free: () => gpu.free(...made),
    },
  ];
};
