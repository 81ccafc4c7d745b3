/** The gradient of a training batch's activation, in place, at the widths of Qwen2.5's 0.5B, 7B and 32B. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, places, QWEN, worst } from '../../test/bench_data.ts';
import { EPS } from '../../test/numeric.ts';
import { swigluBackward } from './swiglu.backward.ts';
import { swigluBackwardRef } from './swiglu.ref.ts';

export const bench: Bench = (gpu) =>
  gpu.description.software
    ? [one(gpu, 256, 1536)]
    : (['0.5B', '7B', '32B'] as const).map((model) => one(gpu, 5888, QWEN[model].ffn));

function one(gpu: Gpu, rows: number, F: number): BenchCase {
  const act = gpu.activation;
  const size = act === 'f16' ? 2 : 4;
  // As many as one binding holds.
  const T = Math.min(rows, Math.floor(gpu.caps.maxBinding / (2 * F * size)));
  const [gateUp, dy] = [new Noise(1, 2 * T * F, act, 3), new Noise(2, T * F, act)];
  let made: Tensor[] = [];
  return {
    kernel: 'swiglu backward',
    shape: `T=${T} F=${F}`,
    bytes: 5 * size * T * F,
    flops: 14 * T * F,
    record(r) {
      made = [gateUp.tensor(gpu, 'gateUp', [T, 2 * F]), dy.tensor(gpu, 'dy', [T, F])];
      swigluBackward(r, { gateUp: made[0], dy: made[1], rows: gpu.dim('rows', T) });
    },
    // In place: what is checked is the first run's; those that are timed go on from its result.
    check: () =>
      worst(gpu, made[0], places(2 * T * F, 5000), (i) => {
        const [t, f] = [Math.floor(i / (2 * F)), i % F];
        const [gate, up, d] = [gateUp.at(2 * t * F + f), gateUp.at((2 * t + 1) * F + f), dy.at(t * F + f)];
        const both = swigluBackwardRef([gate, up], [d], 1, 1);
        const value = both[i % (2 * F) < F ? 0 : 1];
        const s = 1 / (1 + Math.exp(-gate));
        const terms = i % (2 * F) < F ? Math.abs(d * up) * s * (1 + Math.abs(gate) * (1 - s)) : Math.abs(value);
        // As swiglu.backward.test.ts derives it.
        const allowed = (4 * Math.abs(gate) + 16) * 2 ** -23 * terms + EPS[act] * Math.abs(value) + 2 ** -25;
        return { value, allowed };
      }),
    free: () => gpu.free(...made),
  };
}
