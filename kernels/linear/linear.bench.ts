/** x · Wᵀ at the shapes that decide: a large square, decoding, and the layers of Qwen2.5-0.5B and SmolLM2. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { EPS, fromGpu, normal, poisoned, toGpu, uniform } from '../../test/numeric.ts';
import { linear } from './linear.ts';

/** M, N, K, group (0 for a dense f16 weight), and y in f32 where the activation type is not meant. */
const SHAPES: readonly (readonly [M: number, N: number, K: number, group: number, y?: 'f32'])[] = [
  [4096, 4096, 4096, 32],
  [4096, 4096, 4096, 128],
  [4096, 4096, 4096, 32, 'f32'],
  [4096, 4096, 4096, 128, 'f32'],
  [4096, 4096, 4096, 0],
  [1, 8192, 8192, 32],
  [1, 8192, 8192, 128],
  [1, 4096, 4096, 128],
  [4, 4096, 4096, 128],
  [16, 4096, 4096, 128],
  [64, 4096, 4096, 128],
  [2304, 1152, 896, 128],
  [2304, 896, 896, 128],
  [2304, 9728, 896, 128],
  [2304, 896, 4864, 128],
  [4096, 960, 576, 32],
  [4096, 576, 576, 32],
  [4096, 3072, 576, 32],
  [4096, 576, 1536, 32],
];
const SOFTWARE: typeof SHAPES = [
  [256, 1536, 576, 32],
  [1, 1536, 576, 32],
];

export const bench: Bench = (gpu) => (gpu.description.software ? SOFTWARE : SHAPES).map((shape) => one(gpu, ...shape));

function one(gpu: Gpu, M: number, N: number, K: number, group: number, out = gpu.activation): BenchCase {
  const act = gpu.activation;
  const x = normal(1, M * K, act);
  const groups = group ? K / group : 0;
  const random = uniform(2);
  const words = Uint32Array.from({ length: group ? (N * K) / 8 : 0 }, () => random() * 2 ** 32);
  const params = Uint32Array.from(
    { length: N * groups },
    () => toHalf(0.01 * (1 + random())) | (toHalf(-0.1 * random()) << 16),
  );
  const dense = normal(3, group ? 0 : N * K, 'f16', 0.05);
  const value = (n: number, k: number): number => {
    if (!group) return dense[n * K + k];
    const p = params[n * groups + Math.floor(k / group)];
    return fromHalf(p & 0xffff) * ((words[(n * K + k) >> 3] >>> (4 * (k & 7))) & 15) + fromHalf(p >>> 16);
  };
  let made: Tensor[] = [];
  const size = act === 'f16' ? 2 : 4;
  return {
    kernel: `linear ${group ? 'q4' : 'f16'}`,
    shape: `M=${M} N=${N} K=${K}${group ? ` g=${group}` : ''} y ${out}`,
    bytes: size * M * K + (out === 'f16' ? 2 : 4) * M * N + (group ? (N * K) / 2 + 4 * N * groups : 2 * N * K),
    flops: 2 * M * N * K,
    record(r) {
      const y = poisoned(gpu, 'y', out, [M, N]);
      const xs = toGpu(gpu, 'x', act, [M, K], x);
      made = [y, xs];
      if (group) {
        const [w, p] = [
          gpu.upload('words', 'u32', [N, K / 8], words),
          gpu.upload('params', 'u32', [N, groups], params),
        ];
        made.push(w, p);
        const weight = { kind: 'q4', N, K, group, meta: 'offset16', words: w, params: p } as const;
        linear(r, { x: xs, weight, y, rows: gpu.dim('rows', M) });
      } else {
        const data = toGpu(gpu, 'w', 'f16', [N, K], dense) as Tensor & { dtype: 'f16' };
        made.push(data);
        linear(r, { x: xs, weight: { kind: 'dense', N, K, data }, y, rows: gpu.dim('rows', M) });
      }
    },
    async check() {
      const y = await fromGpu(gpu, made[0]);
      let worst = y.every(Number.isFinite) ? 0 : Number.POSITIVE_INFINITY;
      for (let i = 0; i < 200; i++) {
        const [m, n] = [Math.floor(random() * M), Math.floor(random() * N)];
        let [sum, bound] = [0, 0];
        for (let k = 0; k < K; k++) {
          const [a, w] = [x[m * K + k], value(n, k)];
          sum += a * w;
          // The weight rounded to the operand's type, the product, and its share of the sum's roundings.
          bound += Math.abs(a) * (Math.abs(w) + (group ? 0.3 : 0)) * (EPS[act] + K * EPS.f32);
        }
        worst = Math.max(worst, Math.abs(y[m * N + n] - sum) / (bound + EPS[out] * Math.abs(sum)));
      }
      return worst;
    },
    free: () => gpu.free(...made),
  };
}
