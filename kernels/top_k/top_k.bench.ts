/** The best 25 of Eedi's taxonomy for fold 0's queries. */
import type { Bench } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { topKRef } from './top_k.ref.ts';
import { topK } from './top_k.ts';

export const bench: Bench = (gpu) => {
  const [Q, P, k] = gpu.description.software ? [16, 256, 25] : [874, 2587, 25];
  const scores = normal(1, Q * P);
  let made: Tensor[] = [];
  return [
    {
      kernel: 'top_k',
      shape: `Q=${Q} P=${P} k=${k}`,
      bytes: 4 * Q * P + 8 * Q * k,
      flops: 0,
      record(r) {
        made = [
          toGpu(gpu, 'scores', 'f32', [Q, P], scores),
          poisoned(gpu, 'values', 'f32', [Q, k]),
          poisoned(gpu, 'indices', 'u32', [Q, k]),
        ];
        topK(r, { scores: made[0], values: made[1], indices: made[2], rows: gpu.dim('rows', Q, P), k });
      },
      async check() {
        const found = await fromGpu(gpu, made[2]);
        return topKRef(scores, Q, P, k).every((p, i) => p === found[i]) ? 0 : Number.POSITIVE_INFINITY;
      },
      free: () => gpu.free(...made),
    },
  ];
};
