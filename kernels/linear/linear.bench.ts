/** x · Wᵀ at the shapes that decide: large squares, decoding, and the layers of Qwen2.5 and SmolLM2. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, places, projections, Q4Noise, TOKENS, worst } from '../../test/bench_data.ts';
import { EPS, poisoned } from '../../test/numeric.ts';
import { linear } from './linear.ts';
import type { Weight } from './weights.ts';

interface Shape {
  /** What it is of, where it is a model's. */
  name?: string;
  M: number;
  N: number;
  K: number;
  /** Of int4 weights; a dense f16 weight where absent. */
  group?: number;
  /** y's type, where the activation type is not meant. */
  y?: 'f16' | 'f32';
  /** Every call has weights of its own, more of them than a cache holds, as a model's layers do. */
  cold?: boolean;
}

const square = { M: 4096, N: 4096, K: 4096 };
const decoding = [1, 4, 16, 64].flatMap((M) => [
  { M, N: 4096, K: 4096, group: 128 },
  { M, N: 4096, K: 4096, group: 128, cold: true },
]);
const SHAPES: readonly Shape[] = [
  { ...square, group: 32 },
  { ...square, group: 128 },
  { ...square, group: 128, y: 'f32' },
  square,
  { M: 1, N: 8192, K: 8192, group: 32 },
  { M: 1, N: 8192, K: 8192, group: 128 },
  ...decoding,
  ...(['0.5B', '1.5B', '7B', '32B'] as const).flatMap((model) =>
    TOKENS.flatMap((M) => projections(model).map(([name, N, K]) => ({ name, M, N, K, group: 128 }))),
  ),
  { name: 'SmolLM2 qkv', M: 4096, N: 960, K: 576, group: 32 },
  { name: 'SmolLM2 gate,up', M: 4096, N: 3072, K: 576, group: 32 },
  { name: 'SmolLM2 down', M: 4096, N: 576, K: 1536, group: 32 },
];
const SOFTWARE: readonly Shape[] = [
  { M: 128, N: 768, K: 576, group: 32 },
  { M: 64, N: 576, K: 768 },
  { M: 1, N: 1536, K: 576, group: 32 },
];

/** More than the caches of GPUs hold. */
const COLD_BYTES = 256 * 2 ** 20;

export const bench: Bench = (gpu) => (gpu.description.software ? SOFTWARE : SHAPES).map((shape) => one(gpu, shape));

function one(gpu: Gpu, { name, M, N, K, group, cold, y: out = gpu.activation }: Shape): BenchCase {
  const act = gpu.activation;
  const x = new Noise(1, M * K, act);
  let q4: Q4Noise | undefined;
  let dense: Noise | undefined;
  let made: Tensor[] = [];
  const size = act === 'f16' ? 2 : 4;
  const weightBytes = group ? (N * K) / 2 + (4 * N * K) / group : 2 * N * K;
  const calls = cold ? Math.ceil(COLD_BYTES / weightBytes) : 1;
  const words = [name, `M=${M} N=${N} K=${K}`, group && `g=${group}`, `y ${out}`, cold && 'cold'];
  return {
    kernel: `linear ${group ? 'q4' : 'f16'}`,
    shape: words.filter(Boolean).join(' '),
    bytes: size * M * K + (out === 'f16' ? 2 : 4) * M * N + weightBytes,
    flops: 2 * M * N * K,
    calls,
    record(r) {
      if (group) q4 = new Q4Noise(N, K, group);
      else dense = new Noise(3, N * K, 'f16', 1 / Math.sqrt(K));
      made = [poisoned(gpu, 'y', out, [M, N]), x.tensor(gpu, 'x', [M, K])];
      const rows = gpu.dim('rows', M);
      for (let i = 0; i < calls; i++) {
        const weight: Weight = q4
          ? q4.weight(gpu)
          : { kind: 'dense', N, K, data: (dense as Noise).tensor(gpu, 'w', [N, K]) as never };
        made.push(...(weight.kind === 'q4' ? [weight.words, weight.params] : [weight.data]));
        linear(r, { x: made[1], weight, y: made[0], rows });
      }
    },
    check: () =>
      worst(gpu, made[0], places(M * N, 200), (i) => {
        const [m, n] = [Math.floor(i / N), i % N];
        let [value, bound] = [0, 0];
        for (let k = 0; k < K; k++) {
          const a = x.at(m * K + k);
          const w = q4 ? q4.at(n, k) : (dense as Noise).at(n * K + k);
          value += a * w;
          // The weight rounded to the operand's type, the product, and its share of the sum's roundings.
          bound += Math.abs(a) * (Math.abs(w) + (q4?.largest ?? 0)) * (EPS[act] + K * EPS.f32);
        }
        return { value, allowed: bound + EPS[out] * Math.abs(value) };
      }),
    free: () => gpu.free(...made),
  };
}
