/** The gradient of the norm of a training batch's rows, with the residual stream's added, and with the weight's. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, output, places, QWEN } from '../../test/bench_data.ts';
import { EPS, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { rmsNormBackward } from './rms_norm.backward.ts';
import { rmsNormBackwardRef } from './rms_norm.ref.ts';

const eps = 1e-6;

export const bench: Bench = (gpu) =>
  gpu.description.software
    ? [one(gpu, 256, 576, false), one(gpu, 256, 576, true)]
    : [
        one(gpu, 5888, QWEN['0.5B'].hidden, false),
        one(gpu, 5888, QWEN['0.5B'].hidden, true),
        one(gpu, 5888, QWEN['7B'].hidden, false),
        one(gpu, 5888, QWEN['32B'].hidden, false),
      ];

function one(gpu: Gpu, M: number, C: number, trained: boolean): BenchCase {
  const act = gpu.activation;
  const [x, dy] = [new Noise(1, M * C, 'f32'), new Noise(3, M * C, act)];
  const weight = normal(2, C);
  let made: Tensor[] = [];
  return {
    kernel: `rms_norm backward${trained ? ' with weight' : ''}`,
    shape: `M=${M} C=${C}`,
    // The weight's gradient reads x and dy a second time.
    bytes: (8 + (act === 'f16' ? 2 : 4)) * M * C + (trained ? (4 + (act === 'f16' ? 2 : 4)) * M * C : 0) + 8 * C,
    flops: (trained ? 11 : 8) * M * C,
    record(r) {
      const dx = poisoned(gpu, 'dx', 'f32', [M, C]);
      const dweight = poisoned(gpu, 'dweight', 'f32', [C]);
      made = [dx, dweight, x.tensor(gpu, 'x', [M, C]), toGpu(gpu, 'weight', 'f32', [C], weight)];
      made.push(dy.tensor(gpu, 'dy', [M, C]));
      const call = { x: made[2], weight: made[3], dy: made[4], dx, rows: gpu.dim('rows', M), eps };
      rmsNormBackward(r, { ...call, dweight: trained ? { data: dweight } : undefined });
    },
    async check() {
      const got = await output(gpu, made[0]);
      let worst = got.finite ? 0 : Number.POSITIVE_INFINITY;
      // As rms_norm.backward.test.ts derives it.
      const u = EPS.f32;
      const chain = Math.ceil(C / 64) + 8;
      for (const m of places(M, 20)) {
        const [xs, dys] = [x.slice(m * C, (m + 1) * C), dy.slice(m * C, (m + 1) * C)];
        const { dx } = rmsNormBackwardRef(xs, weight, dys, 1, C, eps);
        const scale = 1 / Math.sqrt(xs.reduce((sum, v) => sum + (v * v) / C, eps));
        const along = xs.reduce((sum, v, c) => sum + Math.abs(dys[c] * weight[c] * v) / C, 0);
        for (let c = 0; c < C; c++) {
          const size = scale * (Math.abs(dys[c] * weight[c]) + Math.abs(xs[c]) * along * scale ** 2);
          worst = Math.max(worst, Math.abs(got.at(m * C + c) - dx[c]) / (u * (3 * chain + 24) * size));
        }
      }
      if (!trained) return worst;
      const sums = await output(gpu, made[1]);
      const scales = Array.from({ length: M }, (_, m) => {
        let squares = 0;
        for (let c = 0; c < C; c++) squares += x.at(m * C + c) ** 2;
        return 1 / Math.sqrt(squares / C + eps);
      });
      for (const c of places(C, 50)) {
        let [value, size] = [0, 0];
        for (let m = 0; m < M; m++) {
          const term = dy.at(m * C + c) * x.at(m * C + c) * scales[m];
          value += term;
          size += Math.abs(term);
        }
        const error = Math.abs(sums.at(c) - value) / ((chain + 8 + M) * u * size);
        worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
      }
      return worst;
    },
    free: () => gpu.free(...made),
  };
}
