/** The rotation of a training batch's q and k, in Qwen2.5's 0.5B and 7B shapes. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { EPS, fromGpu, normal, runOnce, toGpu } from '../../test/numeric.ts';
import { ropeRef } from './rope.ref.ts';
import { rope, ropeTable } from './rope.ts';

const POSITIONS = 512;
const theta = 1e6;

export const bench: Bench = (gpu) =>
  gpu.description.software ? [one(gpu, 256, 9, 3, 64)] : [one(gpu, 5888, 14, 2, 64), one(gpu, 5888, 28, 4, 128)];

function one(gpu: Gpu, T: number, heads: number, kvHeads: number, headDim: number): BenchCase {
  const act = gpu.activation;
  const width = (heads + 2 * kvHeads) * headDim;
  const places = Array.from({ length: T }, (_, t) => t % POSITIONS);
  let made: Tensor[] = [];
  const call = () => {
    const [qkv, positions, table] = made;
    return { qkv, positions, table, rows: gpu.dim('rows', T), heads, kvHeads, headDim };
  };
  return {
    kernel: 'rope',
    shape: `T=${T} H=${heads} KV=${kvHeads} D=${headDim}`,
    bytes: 2 * (act === 'f16' ? 2 : 4) * T * (heads + kvHeads) * headDim + 4 * (T + POSITIONS * headDim),
    flops: 3 * T * (heads + kvHeads) * headDim,
    record(r) {
      made = [
        toGpu(gpu, 'qkv', act, [T, width], normal(1, T * width, act)),
        toGpu(gpu, 'positions', 'u32', [T], places),
        ropeTable(gpu, POSITIONS, headDim, theta),
      ];
      rope(r, call());
    },
    // In place, and run any number of times: one more is compared with the state before it.
    async check() {
      const before = await fromGpu(gpu, made[0]);
      await runOnce(gpu, (r) => rope(r, call()));
      const after = await fromGpu(gpu, made[0]);
      let worst = after.every(Number.isFinite) ? 0 : Number.POSITIVE_INFINITY;
      for (let t = 0; t < T; t += 97) {
        const x = before.slice(t * width, (t + 1) * width);
        const expected = ropeRef(x, [places[t]], { heads, kvHeads, headDim, theta });
        for (let i = 0; i < width; i++) {
          const partner = i % headDim < headDim / 2 ? i + headDim / 2 : i - headDim / 2;
          // As rope.test.ts derives it.
          const allowed = 3 * EPS.f32 * (Math.abs(x[i]) + Math.abs(x[partner])) + EPS[act] * Math.abs(expected[i]);
          worst = Math.max(worst, Math.abs(after[t * width + i] - expected[i]) / (allowed + 2 ** -25));
        }
      }
      return worst;
    },
    free: () => gpu.free(...made),
  };
}
