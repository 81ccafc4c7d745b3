/** The rotation of a training batch's q and k, in Qwen2.5's 0.5B and 7B shapes. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, output, places } from '../../test/bench_data.ts';
import { EPS, toGpu } from '../../test/numeric.ts';
import { ropeRef } from './rope.ref.ts';
import { rope, ropeTable } from './rope.ts';

const POSITIONS = 512;
const theta = 1e6;

export const bench: Bench = (gpu) =>
  gpu.description.software ? [one(gpu, 256, 9, 3, 64)] : [one(gpu, 5888, 14, 2, 64), one(gpu, 5888, 28, 4, 128)];

function one(gpu: Gpu, T: number, heads: number, kvHeads: number, headDim: number): BenchCase {
  const act = gpu.activation;
  const width = (heads + 2 * kvHeads) * headDim;
  const positions = Array.from({ length: T }, (_, t) => t % POSITIONS);
  const values = new Noise(1, T * width, act);
  let made: Tensor[] = [];
  return {
    kernel: 'rope',
    shape: `T=${T} H=${heads} KV=${kvHeads} D=${headDim}`,
    bytes: 2 * (act === 'f16' ? 2 : 4) * T * (heads + kvHeads) * headDim + 4 * (T + POSITIONS * headDim),
    flops: 3 * T * (heads + kvHeads) * headDim,
    record(r) {
      made = [
        values.tensor(gpu, 'qkv', [T, width]),
        toGpu(gpu, 'positions', 'u32', [T], positions),
        ropeTable(gpu, POSITIONS, headDim, theta),
      ];
      const [qkv, at, table] = made;
      rope(r, { qkv, positions: at, table, rows: gpu.dim('rows', T), heads, kvHeads, headDim });
    },
    // In place: what is checked is the first run's.
    async check() {
      const after = await output(gpu, made[0]);
      let worst = after.finite ? 0 : Number.POSITIVE_INFINITY;
      for (const t of places(T, 40)) {
        const x = values.slice(t * width, (t + 1) * width);
        const expected = ropeRef(x, [positions[t]], { heads, kvHeads, headDim, theta });
        for (let i = 0; i < width; i++) {
          const partner = i % headDim < headDim / 2 ? i + headDim / 2 : i - headDim / 2;
          // As rope.test.ts derives it.
          const allowed = 3 * EPS.f32 * (Math.abs(x[i]) + Math.abs(x[partner])) + EPS[act] * Math.abs(expected[i]);
          worst = Math.max(worst, Math.abs(after.at(t * width + i) - expected[i]) / (allowed + 2 ** -25));
        }
      }
      return worst;
    },
    free: () => gpu.free(...made),
  };
}
