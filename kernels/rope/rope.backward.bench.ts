/** The gradient of the rotation of a training batch's q and k: the forward's cost, the angle's sign turned. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { type ModelShape, Noise, output, places, QWEN } from '../../test/bench_data.ts';
import { EPS, toGpu } from '../../test/numeric.ts';
import { ropeBackward, ropeTable } from './rope.ts';

const POSITIONS = 512;
const theta = 1e6;

export const bench: Bench = (gpu) =>
  gpu.description.software
    ? [one(gpu, 256, { ...QWEN['0.5B'], heads: 9, kvHeads: 3 })]
    : [one(gpu, 5888, QWEN['0.5B']), one(gpu, 5888, QWEN['7B'])];

function one(gpu: Gpu, T: number, { heads, kvHeads, headDim }: ModelShape): BenchCase {
  const act = gpu.activation;
  const width = (heads + 2 * kvHeads) * headDim;
  const positions = Array.from({ length: T }, (_, t) => t % POSITIONS);
  const dqkv = new Noise(1, T * width, act);
  let made: Tensor[] = [];
  return {
    kernel: 'rope backward',
    shape: `T=${T} H=${heads} KV=${kvHeads} D=${headDim}`,
    bytes: 2 * (act === 'f16' ? 2 : 4) * T * (heads + kvHeads) * headDim + 4 * (T + POSITIONS * headDim),
    flops: 3 * T * (heads + kvHeads) * headDim,
    record(r) {
      made = [
        dqkv.tensor(gpu, 'dqkv', [T, width]),
        toGpu(gpu, 'positions', 'u32', [T], positions),
        ropeTable(gpu, POSITIONS, headDim, theta),
      ];
      const [qkv, at, table] = made;
      ropeBackward(r, { qkv, positions: at, table, rows: gpu.dim('rows', T), heads, kvHeads, headDim });
    },
    // In place: what is checked is the first run's.
    async check() {
      const got = await output(gpu, made[0]);
      let worst = got.finite ? 0 : Number.POSITIVE_INFINITY;
      const half = headDim / 2;
      for (const i of places(T * width, 20000)) {
        const [t, c] = [Math.floor(i / width), i % width];
        const first = c % headDim < half;
        const [x, partner] = [dqkv.at(i), dqkv.at(first ? i + half : i - half)];
        const angle = positions[t] * theta ** (-(c % half) / half);
        // The rotation is orthogonal, so its gradient turns back; v is left alone.
        const turned = x * Math.cos(angle) + (first ? 1 : -1) * partner * Math.sin(angle);
        const value = c < (heads + kvHeads) * headDim ? turned : x;
        const allowed = 3 * EPS.f32 * (Math.abs(x) + Math.abs(partner)) + EPS[act] * Math.abs(value) + 2 ** -25;
        worst = Math.max(worst, Math.abs(got.at(i) - value) / allowed);
      }
      return worst;
    },
    free: () => gpu.free(...made),
  };
}
