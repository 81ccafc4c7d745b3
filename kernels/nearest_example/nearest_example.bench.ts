/** Fold 0's queries, Eedi's taxonomy, and the labelled wrong options of the other folds. */
import type { Bench } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { EPS, fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { nearestExampleRef } from './nearest_example.ref.ts';
import { nearestExample } from './nearest_example.ts';

export const bench: Bench = (gpu) => {
  const [Q, N, E] = gpu.description.software ? [16, 256, 350] : [874, 2587, 3496];
  const [scores, similar] = [normal(1, Q * N), normal(2, Q * E)];
  const lists = {
    first: Array.from({ length: N + 1 }, (_, n) => Math.floor((n * E) / N)),
    origin: Array.from({ length: E }, (_, e) => e % 97),
    own: Array.from({ length: Q }, (_, q) => q % 97),
  };
  let made: Tensor[] = [];
  return [
    {
      kernel: 'nearest_example',
      shape: `Q=${Q} N=${N} E=${E}`,
      bytes: 4 * Q * (2 * N + E),
      flops: 2 * Q * N,
      record(r) {
        const y = poisoned(gpu, 'y', 'f32', [Q, N]);
        const tensors = {
          scores: toGpu(gpu, 'scores', 'f32', [Q, N], scores),
          similar: toGpu(gpu, 'similar', 'f32', [Q, E], similar),
          first: toGpu(gpu, 'first', 'u32', [N + 1], lists.first),
          origin: toGpu(gpu, 'origin', 'u32', [E], lists.origin),
          own: toGpu(gpu, 'own', 'u32', [Q], lists.own),
        };
        made = [y, ...Object.values(tensors)];
        nearestExample(r, { ...tensors, y, rows: gpu.dim('rows', Q, N), weight: 0.5 });
      },
      async check() {
        const y = await fromGpu(gpu, made[0]);
        let worst = 0;
        nearestExampleRef(scores, similar, lists, 0.5).forEach((v, i) => {
          const off = Math.abs(y[i] - v) / (4 * EPS.f32 * (Math.abs(scores[i]) + 8));
          worst = Number.isFinite(off) ? Math.max(worst, off) : Number.POSITIVE_INFINITY;
        });
        return worst;
      },
      free: () => gpu.free(...made),
    },
  ];
};
