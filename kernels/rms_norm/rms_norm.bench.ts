/** The norm of a training batch's rows, at the widths of Qwen2.5's 0.5B, 7B and 32B. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, output, places, QWEN } from '../../test/bench_data.ts';
import { EPS, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { rmsNormRef } from './rms_norm.ref.ts';
import { rmsNorm } from './rms_norm.ts';

const eps = 1e-6;

export const bench: Bench = (gpu) =>
  gpu.description.software
    ? [one(gpu, 256, 576)]
    : (['0.5B', '7B', '32B'] as const).map((model) => one(gpu, 5888, QWEN[model].hidden));

function one(gpu: Gpu, M: number, C: number): BenchCase {
  const act = gpu.activation;
  const values = new Noise(1, M * C, 'f32');
  const weight = normal(2, C);
  let made: Tensor[] = [];
  return {
    kernel: 'rms_norm',
    shape: `M=${M} C=${C}`,
    bytes: (4 + (act === 'f16' ? 2 : 4)) * M * C + 4 * C,
    flops: 4 * M * C,
    record(r) {
      const x = values.tensor(gpu, 'x', [M, C]);
      const w = toGpu(gpu, 'weight', 'f32', [C], weight);
      const y = poisoned(gpu, 'y', act, [M, C]);
      made = [y, x, w];
      rmsNorm(r, { x, weight: w, y, rows: gpu.dim('rows', M), eps });
    },
    async check() {
      const y = await output(gpu, made[0]);
      let worst = y.finite ? 0 : Number.POSITIVE_INFINITY;
      for (const m of places(M, 40)) {
        const expected = rmsNormRef(values.slice(m * C, (m + 1) * C), weight, 1, C, eps);
        // As rms_norm.test.ts derives it.
        const share = (C / 2 + 8) * EPS.f32 + EPS[act];
        for (let c = 0; c < C; c++) {
          const error = Math.abs(y.at(m * C + c) - expected[c]);
          worst = Math.max(worst, error / (share * Math.abs(expected[c]) + 2 ** -25));
        }
      }
      return worst;
    },
    free: () => gpu.free(...made),
  };
}
