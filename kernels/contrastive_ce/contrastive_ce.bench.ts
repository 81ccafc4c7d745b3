/** The loss of a step: exp010's batch at SmolLM2's width, and many passages at Qwen2.5-32B's. */
import type { Bench } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { EPS, fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { l2NormalizeRef } from '../l2_normalize/l2_normalize.ref.ts';
import { contrastiveCeRef } from './contrastive_ce.ref.ts';
import { contrastiveCe, setContrastiveBatch } from './contrastive_ce.ts';

const SCALE = 20;

export const bench: Bench = (gpu) => {
  const shapes = gpu.description.software
    ? [[4, 33, 64]]
    : [
        [16, 112, 576],
        [16, 1040, 576],
        [64, 2587, 5120],
      ];
  return shapes.map(([Q, P, C]) => {
    const unit = (seed: number, rows: number) => l2NormalizeRef(normal(seed, rows * C), rows, C).map(Math.fround);
    let [queries, passages] = [new Float64Array(), new Float64Array()];
    const targets = Array.from({ length: Q }, (_, q) => (q * 7) % P);
    let made: Record<'queries' | 'passages' | 'targets' | 'loss' | 'dqueries' | 'dpassages', Tensor>;
    return {
      kernel: 'contrastive_ce',
      shape: `Q=${Q} P=${P} C=${C}`,
      bytes: 8 * (Q + P) * C,
      flops: 6 * Q * P * C,
      record(r) {
        [queries, passages] = [unit(1, Q), unit(2, P)];
        made = {
          queries: toGpu(gpu, 'queries', 'f32', [Q, C], queries),
          passages: toGpu(gpu, 'passages', 'f32', [P, C], passages),
          targets: toGpu(gpu, 'targets', 'u32', [Q], targets),
          loss: poisoned(gpu, 'loss', 'f32', [1]),
          dqueries: poisoned(gpu, 'dqueries', 'f32', [Q, C]),
          dpassages: poisoned(gpu, 'dpassages', 'f32', [P, C]),
        };
        const batch = gpu.dim('batch');
        setContrastiveBatch(batch, Q, P);
        contrastiveCe(r, { ...made, scale: SCALE, batch });
      },
      // Gradients are sums of differences of shares, off by what a score is: some dozen roundoffs of SCALE.
      async check() {
        const wanted = contrastiveCeRef(queries, passages, targets, C, SCALE);
        const allowed = (C / 32 + 64) * EPS.f32 * SCALE;
        let worst = Math.abs((await fromGpu(gpu, made.loss))[0] - wanted.loss) / allowed;
        for (const name of ['dqueries', 'dpassages'] as const) {
          const result = await fromGpu(gpu, made[name]);
          const size = (SCALE / Q) * wanted[name].reduce((most, x) => Math.max(most, Math.abs(x)), 0);
          for (const [i, x] of result.entries()) {
            const share = Math.abs(x - wanted[name][i]) / (allowed * size);
            worst = Math.max(worst, Number.isNaN(share) ? Number.POSITIVE_INFINITY : share);
          }
        }
        return worst;
      },
      free: () => gpu.free(...Object.values(made)),
    };
  });
};
