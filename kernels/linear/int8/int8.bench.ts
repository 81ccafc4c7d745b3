/** x · Wᵀ in i8 as a decoder runs it: rows of x and int4 weights are quantised within the call. */
import type { Bench, BenchCase } from '../../../src/bench.ts';
import type { Gpu } from '../../../src/gpu/gpu.ts';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import { Noise, places, projections, Q4Noise, worst } from '../../../test/bench_data.ts';
import { poisoned } from '../../../test/numeric.ts';
import type { Q4Weight } from '../weights.ts';
import { dotInt8, epilogueRef, fromTiles, ROUNDING, roundingError } from './int8.ref.ts';
import { int8Plan, linearInt8 } from './int8.ts';

interface Shape {
  name?: string;
  M: number;
  N: number;
  K: number;
}

const [, , gateUp, down] = projections('7B');
const SHAPES: readonly Shape[] = [
  { M: 4096, N: 4096, K: 4096 },
  ...[gateUp, down].map(([name, N, K]) => ({ name, M: 5888, N, K })),
];
const SOFTWARE: readonly Shape[] = [{ M: 128, N: 256, K: 256 }];

/** The same numbers as linear.bench.ts; none where matrices take no i8. */
export const bench: Bench = (gpu) =>
  gpu.caps.matrixI8 ? (gpu.description.software ? SOFTWARE : SHAPES).map((shape) => one(gpu, shape)) : [];

function one(gpu: Gpu, { name, M, N, K }: Shape): BenchCase {
  const group = 128;
  const x = new Noise(1, M * K, 'f16');
  const w = new Q4Noise(N, K, group);
  let made: Tensor[] = [];
  let weight: Q4Weight;
  let quantised: ReturnType<typeof linearInt8>;
  return {
    kernel: 'linear q4 int8',
    shape: [name, `M=${M} N=${N} K=${K}`, `g=${group}`, 'y f16'].filter(Boolean).join(' '),
    bytes: 2 * M * K + 2 * M * N + w.bytes,
    flops: 2 * M * N * K,
    operands: 'i8',
    record(r) {
      weight = w.weight(gpu);
      made = [poisoned(gpu, 'y', 'f16', [M, N]), x.tensor(gpu, 'x', [M, K]), weight.words, weight.params];
      const call = { x: made[1], weight, y: made[0], rows: gpu.dim('rows', M) };
      const plan = int8Plan(gpu.caps, call);
      if (!plan) throw new Error('no plan fits');
      quantised = linearInt8(r, call, plan);
    },
    /** That x and W are rounded to the nearest steps, and that y is made of the exact sums of those. */
    async check() {
      const tiles = async (of: Tensor) => new Int8Array(((await gpu.read(of)) as Uint32Array).buffer);
      const [xq, wq] = [await tiles(quantised.x.tiles), await tiles(quantised.w.tiles)];
      const [sx, sw] = [await gpu.read(quantised.x.scale), await gpu.read(quantised.w.scale)];
      let off = 0;
      const error = await worst(gpu, made[0], places(M * N, 200), (i) => {
        const [m, n] = [Math.floor(i / N), i % N];
        const [[a], [b]] = [fromTiles(xq, [m], quantised.x.K, false), fromTiles(wq, [n], quantised.w.K, true)];
        const row = Float64Array.from({ length: K }, (_, k) => w.at(n, k));
        off = Math.max(off, roundingError(a, x.slice(m * K, m * K + K), sx[m]), roundingError(b, row, sw[n]));
        return epilogueRef(dotInt8(a, b), sx[m], sw[n], 'f16');
      });
      // Half a step is what rounding may be off by; the rest is what it is computed with.
      return Math.max(error, (off - 0.5) / (ROUNDING - 0.5));
    },
    free: () => gpu.free(...made),
  };
}
