/** The rotation of a training batch's q and k, and its gradient, in Qwen2.5's 0.5B and 7B shapes. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { type ModelShape, Noise, places, QWEN, worst } from '../../test/bench_data.ts';
import { EPS, poisoned, toGpu } from '../../test/numeric.ts';
import { rope, ropeBackward, ropeTable } from './rope.ts';

const POSITIONS = 512;
const theta = 1e6;

export const bench: Bench = (gpu) => {
  const shapes: readonly [T: number, model: ModelShape][] = gpu.description.software
    ? [[256, { ...QWEN['0.5B'], heads: 9, kvHeads: 3 }]]
    : [
        [5888, QWEN['0.5B']],
        [5888, QWEN['7B']],
      ];
  return shapes.flatMap(([T, model]) => [one(gpu, T, model, false), one(gpu, T, model, true)]);
};

function one(gpu: Gpu, T: number, { heads, kvHeads, headDim }: ModelShape, backward: boolean): BenchCase {
  const act = gpu.activation;
  const width = (heads + 2 * kvHeads) * headDim;
  const positions = Array.from({ length: T }, (_, t) => t % POSITIONS);
  // Forward from f32, as the decoder does.
  const dtype = backward ? act : 'f32';
  const values = new Noise(1, T * width, dtype);
  let made: Tensor[] = [];
  return {
    kernel: backward ? 'rope backward' : 'rope',
    shape: `T=${T} H=${heads} KV=${kvHeads} D=${headDim}`,
    bytes: ((dtype === 'f16' ? 2 : 4) + (act === 'f16' ? 2 : 4)) * T * width + 4 * (T + POSITIONS * headDim),
    flops: 3 * T * (heads + kvHeads) * headDim,
    record(r) {
      made = [
        poisoned(gpu, 'y', act, [T, width]),
        values.tensor(gpu, 'x', [T, width]),
        toGpu(gpu, 'positions', 'u32', [T], positions),
        ropeTable(gpu, POSITIONS, headDim, theta),
      ];
      const [y, x, at, table] = made;
      const call = { x, y, positions: at, table, rows: gpu.dim('rows', T), heads, kvHeads, headDim };
      (backward ? ropeBackward : rope)(r, call);
    },
    check: () =>
      worst(gpu, made[0], places(T * width, 20000), (i) => {
        const half = headDim / 2;
        const [t, c] = [Math.floor(i / width), i % width];
        const first = c % headDim < half;
        const [x, partner] = [values.at(i), values.at(first ? i + half : i - half)];
        // The rotation is orthogonal, so its gradient turns back; v is left alone.
        const angle = (backward ? -1 : 1) * positions[t] * theta ** (-(c % half) / half);
        const turned = x * Math.cos(angle) + (first ? -1 : 1) * partner * Math.sin(angle);
        const value = c < (heads + kvHeads) * headDim ? turned : x;
        // As rope.test.ts derives it.
        const allowed = 3 * EPS.f32 * (Math.abs(x) + Math.abs(partner)) + EPS[act] * Math.abs(value) + 2 ** -25;
        return { value, allowed };
      }),
    free: () => gpu.free(...made),
  };
}
