/** The optimiser over all LoRA matrices of SmolLM2-135M at rank 32, which are one flat buffer of 9.8 million numbers. */
import type { Bench } from '../../src/bench.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { EPS, fromGpu, normal, runOnce, toGpu } from '../../test/numeric.ts';
import { adamwRef } from './adamw.ref.ts';
import { adamw, setAdamw } from './adamw.ts';

const OPTIONS = { beta1: 0.9, beta2: 0.95, eps: 1e-8 };
const STEP = { lr: 1e-3, weightDecay: 0.01, t: 3 };

export const bench: Bench = (gpu) => {
  const N = gpu.description.software ? 65_537 : 9_768_960;
  const state = gpu.dim('state');
  setAdamw(state, STEP, OPTIONS);
  let made: Tensor[] = [];
  const call = () => {
    const [parameters, gradients, m, v, stats] = made;
    return { parameters, gradients, m, v, stats, state, ...OPTIONS };
  };
  return [
    {
      kernel: 'adamw',
      shape: `N=${N}`,
      bytes: 28 * N,
      flops: 16 * N,
      record(r) {
        const values = [normal(1, N), normal(2, N), normal(3, N), normal(4, N).map((x) => x * x)];
        made = ['p', 'g', 'm', 'v'].map((label, i) => toGpu(gpu, label, 'f32', [N], values[i]));
        made.push(toGpu(gpu, 'stats', 'f32', [4], [1, 1, 1, 0]));
        adamw(r, call());
      },
      // The update is in place and has run any number of times: one more is compared with the state before it.
      async check() {
        const [p, g, m, v] = await Promise.all(made.map((t) => fromGpu(gpu, t)));
        await runOnce(gpu, (r) => adamw(r, call()));
        const after = await fromGpu(gpu, made[0]);
        const reference = { p, m, v };
        const before = p.slice();
        adamwRef(reference, g, STEP, OPTIONS);
        const allowed = (i: number) => EPS.f32 * (3 * Math.abs(before[i]) + 20 * Math.abs(p[i] - before[i])) + 1e-30;
        return after.reduce((worst, x, i) => Math.max(worst, Math.abs(x - p[i]) / allowed(i)), 0);
      },
      free: () => gpu.free(...made),
    },
  ];
};
