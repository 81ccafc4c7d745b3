/** The optimiser over all LoRA matrices at rank 32, one flat buffer: SmolLM2-135M's 9.8 million numbers, Qwen2.5-7B's 81. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, output, places } from '../../test/bench_data.ts';
import { EPS, runOnce, toGpu } from '../../test/numeric.ts';
import { adamwRef } from './adamw.ref.ts';
import { adamw, setAdamw } from './adamw.ts';

const OPTIONS = { beta1: 0.9, beta2: 0.95, eps: 1e-8 };
const STEP = { lr: 1e-3, weightDecay: 0.01, t: 3 };

export const bench: Bench = (gpu) =>
  (gpu.description.software ? [65_537] : [9_768_960, 80_740_352]).map((N): BenchCase => {
    const state = gpu.dim('state');
    setAdamw(state, STEP, OPTIONS);
    let made: Tensor[] = [];
    const call = () => {
      const [parameters, gradients, m, v, stats] = made;
      return { parameters, gradients, m, v, stats, state, ...OPTIONS };
    };
    return {
      kernel: 'adamw',
      shape: `N=${N}`,
      bytes: 28 * N,
      flops: 16 * N,
      record(r) {
        const noise = (seed: number, label: string) => new Noise(seed, N, 'f32').tensor(gpu, label, [N]);
        const [m, v] = ['m', 'v'].map((label) => gpu.tensor(label, 'f32', [N]));
        gpu.clear(m);
        gpu.clear(v);
        made = [noise(1, 'p'), noise(2, 'g'), m, v, toGpu(gpu, 'stats', 'f32', [4], [1, 1, 1, 0])];
        adamw(r, call());
      },
      // In place: the second step, from the m and v that the first one made, is compared with the state before it.
      async check() {
        const at = places(N, 10_000);
        const read = async (t: Tensor) => {
          const result = await output(gpu, t);
          return Float64Array.from(at, (i) => (result.finite ? result.at(i) : Number.NaN));
        };
        const [p, g, m, v] = [await read(made[0]), await read(made[1]), await read(made[2]), await read(made[3])];
        await runOnce(gpu, (r) => adamw(r, call()));
        const after = await read(made[0]);
        const before = p.slice();
        adamwRef({ p, m, v }, g, STEP, OPTIONS);
        const allowed = (i: number) => EPS.f32 * (3 * Math.abs(before[i]) + 20 * Math.abs(p[i] - before[i])) + 1e-30;
        const errors = after.map((x, i) => Math.abs(x - p[i]) / allowed(i));
        return errors.some(Number.isNaN) ? Number.POSITIVE_INFINITY : errors.reduce((a, b) => Math.max(a, b), 0);
      },
      free: () => gpu.free(...made),
    };
  });
