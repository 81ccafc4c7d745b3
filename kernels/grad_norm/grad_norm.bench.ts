/** The norm of all LoRA gradients at rank 32, one flat buffer: SmolLM2-135M's 9.8 million numbers, Qwen2.5-7B's 81. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise } from '../../test/bench_data.ts';
import { EPS, fromGpu, poisoned } from '../../test/numeric.ts';
import { gradNormRef } from './grad_norm.ref.ts';
import { gradNorm, setGradNorm } from './grad_norm.ts';

export const bench: Bench = (gpu) =>
  (gpu.description.software ? [65_537] : [9_768_960, 80_740_352]).map((N): BenchCase => {
    const values = new Noise(1, N, 'f32');
    let made: Tensor[] = [];
    return {
      kernel: 'grad_norm',
      shape: `N=${N}`,
      bytes: 4 * N,
      flops: 2 * N,
      record(r) {
        made = [values.tensor(gpu, 'g', [N]), poisoned(gpu, 'stats', 'f32', [4])];
        const state = gpu.dim('state');
        setGradNorm(state, { lossScale: 1024, clip: 1 });
        gradNorm(r, { gradients: [made[0]], stats: made[1], state });
      },
      async check() {
        const [norm, finite] = await fromGpu(gpu, made[1]);
        const wanted = gradNormRef(values.slice(0, N), 1024, 1).norm;
        const error = finite === 1 ? Math.abs(norm / wanted - 1) / (64 * EPS.f32) : Number.NaN;
        return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
      },
      free: () => gpu.free(...made),
    };
  });
