/** Fold 0's queries against Eedi's taxonomy, at SmolLM2's width. */
import type { Bench } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { EPS, fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { similarity } from './similarity.ts';

export const bench: Bench = (gpu) => {
  const [Q, P, C] = gpu.description.software ? [32, 256, 576] : [874, 2587, 576];
  let made: Tensor[] = [];
  const [a, b] = [normal(1, Q * C), normal(2, P * C)];
  return [
    {
      kernel: 'similarity',
      shape: `Q=${Q} P=${P} C=${C}`,
      bytes: 4 * (Q * C + P * C + Q * P),
      flops: 2 * Q * P * C,
      record(r) {
        const queries = toGpu(gpu, 'queries', 'f32', [Q, C], a);
        const passages = toGpu(gpu, 'passages', 'f32', [P, C], b);
        const y = poisoned(gpu, 'y', 'f32', [Q, P]);
        made = [queries, passages, y];
        similarity(r, { queries, passages, y, rows: gpu.dim('rows', Q, P) });
      },
      async check() {
        const y = await fromGpu(gpu, made[2]);
        let worst = y.every(Number.isFinite) ? 0 : Number.POSITIVE_INFINITY;
        for (let i = 0; i < y.length; i += 997) {
          const [q, p] = [Math.floor(i / P), i % P];
          let [sum, size] = [0, 0];
          for (let c = 0; c < C; c++) {
            sum += a[q * C + c] * b[p * C + c];
            size += Math.abs(a[q * C + c] * b[p * C + c]);
          }
          worst = Math.max(worst, Math.abs(y[i] - sum) / ((C + 1) * EPS.f32 * size));
        }
        return worst;
      },
      free: () => gpu.free(...made),
    },
  ];
};
