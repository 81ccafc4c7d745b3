/** x · Wᵀ and dY · W in i8 as a decoder runs them: rows of x and int4 weights are quantised within the call. */
import type { Bench, BenchCase } from '../../../src/bench.ts';
import type { Gpu } from '../../../src/gpu/gpu.ts';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import { Noise, places, projections, Q4Noise, worst } from '../../../test/bench_data.ts';
import { poisoned } from '../../../test/numeric.ts';
import type { Q4Weight } from '../weights.ts';
import { dotInt8, epilogueRef, fromTiles, hadamardRef, ROUNDING, roundingError } from './int8.ref.ts';
import { int8BackwardPlan, int8Plan, linearBackwardInt8, linearInt8 } from './int8.ts';
import { type Int8Rows, measureInt8 } from './operands.ts';

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
  gpu.caps.matrixI8
    ? (gpu.description.software ? SOFTWARE : SHAPES).flatMap((shape) => [one(gpu, shape, false), one(gpu, shape, true)])
    : [];

function one(gpu: Gpu, { name, M, N, K }: Shape, backward: boolean): BenchCase {
  const group = 128;
  // [M, sums] x [outs, sums]ᵀ
  const [outs, sums] = backward ? [K, N] : [N, K];
  const x = new Noise(1, M * sums, 'f16');
  const w = new Q4Noise(N, K, group);
  let made: Tensor[] = [];
  let weight: Q4Weight;
  let quantised: { x: Int8Rows; w: Int8Rows };
  return {
    kernel: backward ? 'linear backward q4 int8' : 'linear q4 int8',
    shape: [name, `M=${M} N=${N} K=${K}`, `g=${group}`, backward ? 'dx f16' : 'y f16'].filter(Boolean).join(' '),
    bytes: 2 * M * K + 2 * M * N + w.bytes,
    flops: 2 * M * N * K,
    operands: 'i8',
    async record(r) {
      weight = w.weight(gpu);
      await measureInt8(gpu, [weight], backward);
      const { rows: scales, columns = scales } = weight.int8!;
      const [y, left] = [poisoned(gpu, 'y', 'f16', [M, outs]), x.tensor(gpu, 'x', [M, sums])];
      made = [y, left, weight.words, weight.params, ...new Set([scales!, columns!])];
      const rows = gpu.dim('rows', M);
      const forward = { x: left, weight, y, rows };
      const back = { dy: left, weight, dx: y, rows };
      const plan = backward ? int8BackwardPlan(gpu.caps, back) : int8Plan(gpu.caps, forward);
      if (!plan) throw new Error('no plan fits');
      quantised = backward ? linearBackwardInt8(r, back, plan) : linearInt8(r, forward, plan);
    },
    /** That x and W are rounded to the nearest steps, and that y is made of the exact sums of those. */
    async check() {
      const tiles = async (of: Tensor) => new Int8Array(((await gpu.read(of)) as Uint32Array).buffer);
      const [xq, wq] = [await tiles(quantised.x.tiles), await tiles(quantised.w.tiles)];
      const [sx, sw] = [await gpu.read(quantised.x.scale), await gpu.read(quantised.w.scale)];
      let off = 0;
      const error = await worst(gpu, made[0], places(M * outs, 200), (i) => {
        const [m, o] = [Math.floor(i / outs), i % outs];
        const [[a], [b]] = [fromTiles(xq, [m], quantised.x.K, false), fromTiles(wq, [o], quantised.w.K, true)];
        const left = hadamardRef(x.slice(m * sums, (m + 1) * sums));
        const right = hadamardRef(Float64Array.from({ length: sums }, (_, s) => (backward ? w.at(s, o) : w.at(o, s))));
        off = Math.max(off, roundingError(a, left, 32 * sx[m]), roundingError(b, right, sw[o]));
        return epilogueRef(dotInt8(a, b), sx[m], sw[o], 'f16');
      });
      // Half a step is what rounding may be off by; the rest is what it is computed with.
      return Math.max(error, (off - 0.5) / (ROUNDING - 0.5));
    },
    free: () => gpu.free(...made),
  };
}
