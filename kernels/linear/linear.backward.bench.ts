/** The gradients of linear layers at the shapes of training: dY · W of int4 layers, and dYᵀ · x where they are trained. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, places, projections, Q4Noise, TOKENS, worst } from '../../test/bench_data.ts';
import { EPS, poisoned } from '../../test/numeric.ts';
import { biasGradient } from './bias_gradient.ts';
import { linearBackward } from './linear.backward.ts';
import { weightGradient } from './weight_gradient.ts';

type Shape = readonly [name: string, M: number, N: number, K: number];

const layers = (model: Parameters<typeof projections>[0], M: number) =>
  projections(model).map(([name, N, K]): Shape => [name, M, N, K]);

const INPUT: readonly Shape[] = [
  ['', 4096, 4096, 4096],
  ...(['0.5B', '1.5B', '7B', '32B'] as const).flatMap((model) => TOKENS.flatMap((M) => layers(model, M))),
];
const INPUT_SOFTWARE: readonly Shape[] = [['', 128, 576, 576]];

/** Layers whose weights a small model trains. */
const WEIGHT: readonly Shape[] = layers('0.5B', 5888);
const WEIGHT_SOFTWARE: readonly Shape[] = [['', 128, 192, 576]];

/** The biases of q, k and v. */
const BIAS: readonly Shape[] = [['0.5B qkv', 5888, 1152, 896]];
const BIAS_SOFTWARE: readonly Shape[] = [['', 128, 960, 576]];

export const bench: Bench = (gpu) => {
  const { software } = gpu.description;
  return [
    ...(software ? INPUT_SOFTWARE : INPUT).map((s) => input(gpu, s, software ? 32 : 128)),
    ...(software ? WEIGHT_SOFTWARE : WEIGHT).map((s) => weight(gpu, s)),
    ...(software ? BIAS_SOFTWARE : BIAS).map((s) => bias(gpu, s)),
  ];
};

const sizeOf = (gpu: Gpu) => (gpu.activation === 'f16' ? 2 : 4);

/** dx = dy · W, W int4. */
function input(gpu: Gpu, [name, M, N, K]: Shape, group: number): BenchCase {
  const act = gpu.activation;
  let made: Tensor[] = [];
  const dy = new Noise(1, M * N, act);
  let q4: Q4Noise;
  return {
    kernel: 'linear backward q4',
    shape: `${name} M=${M} N=${N} K=${K} g=${group}`.trim(),
    bytes: sizeOf(gpu) * M * (N + K) + (N * K) / 2 + (4 * N * K) / group,
    flops: 2 * M * N * K,
    record(r) {
      q4 = new Q4Noise(N, K, group);
      const w = q4.weight(gpu);
      made = [poisoned(gpu, 'dx', act, [M, K]), dy.tensor(gpu, 'dy', [M, N]), w.words, w.params];
      linearBackward(r, { dy: made[1], weight: w, dx: made[0], rows: gpu.dim('rows', M) });
    },
    check: () =>
      worst(gpu, made[0], places(M * K, 200), (i) => {
        const [m, k] = [Math.floor(i / K), i % K];
        let [value, bound] = [0, 0];
        for (let n = 0; n < N; n++) {
          const [a, w] = [dy.at(m * N + n), q4.at(n, k)];
          value += a * w;
          // The weight rounded to the operand's type, the product, and its share of the sum's roundings.
          bound += Math.abs(a) * (Math.abs(w) + q4.largest) * (EPS[act] + N * EPS.f32);
        }
        return { value, allowed: bound + EPS[act] * Math.abs(value) };
      }),
    free: () => gpu.free(...made),
  };
}

/** dW = dyᵀ · x. */
function weight(gpu: Gpu, [name, M, N, K]: Shape): BenchCase {
  const act = gpu.activation;
  let made: Tensor[] = [];
  const [dy, x] = [new Noise(1, M * N, act), new Noise(2, M * K, act)];
  return {
    kernel: 'linear weight gradient',
    shape: `${name} M=${M} N=${N} K=${K}`.trim(),
    bytes: sizeOf(gpu) * M * (N + K) + 4 * N * K,
    flops: 2 * M * N * K,
    record(r) {
      made = [poisoned(gpu, 'dW', 'f32', [N, K]), dy.tensor(gpu, 'dy', [M, N]), x.tensor(gpu, 'x', [M, K])];
      weightGradient(r, { dy: made[1], x: made[2], N, dW: { data: made[0] }, rows: gpu.dim('rows', M) });
    },
    check: () =>
      worst(gpu, made[0], places(N * K, 200), (i) => {
        const [n, k] = [Math.floor(i / K), i % K];
        let [value, size] = [0, 0];
        for (let m = 0; m < M; m++) {
          const term = dy.at(m * N + n) * x.at(m * K + k);
          value += term;
          size += Math.abs(term);
        }
        // A sum of M terms, in f32; tensor cores add with two bits less.
        return { value, allowed: 4 * (M + 40) * EPS.f32 * size };
      }),
    free: () => gpu.free(...made),
  };
}

/** dbias = the sums of dy's columns. */
function bias(gpu: Gpu, [name, M, N]: Shape): BenchCase {
  let made: Tensor[] = [];
  const dy = new Noise(1, M * N, gpu.activation);
  return {
    kernel: 'linear bias gradient',
    shape: `${name} M=${M} N=${N}`.trim(),
    bytes: sizeOf(gpu) * M * N + 4 * N,
    flops: M * N,
    record(r) {
      made = [poisoned(gpu, 'dbias', 'f32', [N]), dy.tensor(gpu, 'dy', [M, N])];
      biasGradient(r, { dy: made[1], N, dbias: { data: made[0] }, rows: gpu.dim('rows', M) });
    },
    check: () =>
      worst(gpu, made[0], places(N, 50), (n) => {
        let [value, size] = [0, 0];
        for (let m = 0; m < M; m++) {
          value += dy.at(m * N + n);
          size += Math.abs(dy.at(m * N + n));
        }
        return { value, allowed: (M + 64) * EPS.f32 * size };
      }),
    free: () => gpu.free(...made),
  };
}
