/** The activation of a training batch, at the widths of Qwen2.5's 0.5B and 7B. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { fromHalf } from '../../src/half.ts';
import { EPS, normal, poisoned, toGpu } from '../../test/numeric.ts';
import { swigluRef } from './swiglu.ref.ts';
import { swiglu } from './swiglu.ts';

/** Rows of random numbers, repeated: the widest input has 223 million, which take the host longer than the check. */
const RANDOM_ROWS = 64;

export const bench: Bench = (gpu) =>
  gpu.description.software ? [one(gpu, 256, 1536)] : [one(gpu, 5888, 4864), one(gpu, 5888, 18944)];

function one(gpu: Gpu, rows: number, F: number): BenchCase {
  const act = gpu.activation;
  const size = act === 'f16' ? 2 : 4;
  // As many as one binding holds.
  const T = Math.min(rows, Math.floor(gpu.caps.maxBinding / (2 * F * size * RANDOM_ROWS)) * RANDOM_ROWS);
  let values: Float64Array = new Float64Array();
  let made: Tensor[] = [];
  return {
    kernel: 'swiglu',
    shape: `T=${T} F=${F}`,
    bytes: 3 * size * T * F,
    flops: 8 * T * F,
    record(r) {
      values = normal(1, RANDOM_ROWS * 2 * F, act, 3);
      const block = toGpu(gpu, 'block', act, [RANDOM_ROWS, 2 * F], values);
      const gateUp = gpu.tensor('gateUp', act, [T, 2 * F]);
      const encoder = gpu.device.createCommandEncoder();
      for (let at = 0; at < gateUp.bytes; at += block.bytes)
        encoder.copyBufferToBuffer(block.buffer, 0, gateUp.buffer, at, Math.min(block.bytes, gateUp.bytes - at));
      gpu.device.queue.submit([encoder.finish()]);
      const y = poisoned(gpu, 'y', act, [T, F]);
      made = [y, gateUp, block];
      swiglu(r, { gateUp, y, rows: gpu.dim('rows', T) });
    },
    async check() {
      const raw = await gpu.read(made[0]);
      const expected = swigluRef(values, RANDOM_ROWS, F);
      let worst = 0;
      for (let i = 0; i < raw.length; i += 1009) {
        const y = act === 'f16' ? fromHalf(raw[i]) : raw[i];
        const at = i % (RANDOM_ROWS * F);
        const gate = values[Math.floor(at / F) * F + at];
        // As swiglu.test.ts derives it.
        const share = (2 * Math.abs(gate) + 8) * 2 ** -23 + EPS[act];
        const error = Math.abs(y - expected[at]) / (share * Math.abs(expected[at]) + 2 ** -25);
        worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
      }
      return worst;
    },
    free() {
      gpu.free(...made);
      values = new Float64Array();
    },
  };
}
