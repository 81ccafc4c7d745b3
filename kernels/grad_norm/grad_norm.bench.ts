/** The norm of all LoRA gradients of SmolLM2-135M at rank 32, which are one flat buffer of 9.8 million numbers. */
import type { Bench } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { EPS, fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { gradNormRef } from './grad_norm.ref.ts';
import { gradNorm, setGradNorm } from './grad_norm.ts';

export const bench: Bench = (gpu) => {
  const N = gpu.description.software ? 65_537 : 9_768_960;
  const values = normal(1, N);
  let made: Tensor[] = [];
  return [
    {
      kernel: 'grad_norm',
      shape: `N=${N}`,
      bytes: 4 * N,
      flops: 2 * N,
      record(r) {
        made = [toGpu(gpu, 'g', 'f32', [N], values), poisoned(gpu, 'stats', 'f32', [4])];
        const state = gpu.dim('state');
        setGradNorm(state, { lossScale: 1024, clip: 1 });
        gradNorm(r, { gradients: [made[0]], stats: made[1], state });
      },
      async check() {
        const [norm, finite] = await fromGpu(gpu, made[1]);
        const wanted = gradNormRef(values, 1024, 1).norm;
        return finite === 1 ? Math.abs(norm / wanted - 1) / (64 * EPS.f32) : Number.POSITIVE_INFINITY;
      },
      free: () => gpu.free(...made),
    },
  ];
};
