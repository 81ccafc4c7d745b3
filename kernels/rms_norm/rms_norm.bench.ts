/** The norm of a training batch's rows, at the widths of Qwen2.5's 0.5B and 7B. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { EPS, fromGpu, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { rmsNormRef } from './rms_norm.ref.ts';
import { rmsNorm } from './rms_norm.ts';

const eps = 1e-6;

export const bench: Bench = (gpu) =>
  gpu.description.software ? [one(gpu, 256, 576)] : [one(gpu, 5888, 896), one(gpu, 5888, 3584)];

function one(gpu: Gpu, M: number, C: number): BenchCase {
  const act = gpu.activation;
  let values: Float64Array = new Float64Array();
  let weight: Float64Array = new Float64Array();
  let made: Tensor[] = [];
  return {
    kernel: 'rms_norm',
    shape: `M=${M} C=${C}`,
    bytes: (4 + (act === 'f16' ? 2 : 4)) * M * C + 4 * C,
    flops: 4 * M * C,
    record(r) {
      values = normal(1, M * C);
      weight = normal(2, C);
      const x = toGpu(gpu, 'x', 'f32', [M, C], values);
      const w = toGpu(gpu, 'weight', 'f32', [C], weight);
      const y = poisoned(gpu, 'y', act, [M, C]);
      made = [y, x, w];
      rmsNorm(r, { x, weight: w, y, rows: gpu.dim('rows', M), eps });
    },
    async check() {
      const y = await fromGpu(gpu, made[0]);
      let worst = y.every(Number.isFinite) ? 0 : Number.POSITIVE_INFINITY;
      for (let m = 0; m < M; m += 97) {
        const expected = rmsNormRef(values.slice(m * C, (m + 1) * C), weight, 1, C, eps);
        // As rms_norm.test.ts derives it.
        const share = (C / 2 + 8) * EPS.f32 + EPS[act];
        for (let c = 0; c < C; c++) {
          const error = Math.abs(y[m * C + c] - expected[c]);
          worst = Math.max(worst, error / (share * Math.abs(expected[c]) + 2 ** -25));
        }
      }
      return worst;
    },
    free() {
      gpu.free(...made);
      values = new Float64Array();
    },
  };
}
