/**
 * x · Wᵀ and dY · W in i8 (kernels/linear/int8) by their parts, beside the f16 forms of the same layers, and what 8 bits cost in
 * accuracy: `lacuna bench --kernel "linear q4 int8"` checks and times the whole calls.
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/int8.mjs [--seconds 40]
 * Every second row of x, or dY, has four columns 50 times as large; errors are shares of sqrt(Σ (x w)²), root mean square of four
 * rows and some columns. A software driver plays the matrices.
 */
import { INT8_PLANS, type Int8Plan, int8Fits, linearBackwardInt8, linearInt8 } from '../../kernels/linear/int8/int8.ts';
import { measureInt8 } from '../../kernels/linear/int8/operands.ts';
import { linearBackward } from '../../kernels/linear/linear.backward.ts';
import { product } from '../../kernels/linear/linear.product.ts';
import { time } from '../../src/bench.ts';
import { matrixRate } from '../../src/bench_ceilings.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { profileLines, Recorder } from '../../src/gpu/recorder.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { Noise, output, places, Q4Noise } from '../../test/bench_data.ts';
import { emulateMatrix } from '../../test/emulated_matrix.ts';
import { poisoned } from '../../test/numeric.ts';
import { remaining, warm } from './experiment.ts';

interface Shape {
  name: string;
  M: number;
  N: number;
  K: number;
}

const left = remaining(40);
const gpu = await Gpu.open();
const { software } = gpu.description;
if (software) {
  Object.assign(gpu.caps, { tier: 'matrix', matrix: true, matrixI8: true, subgroups: { min: 32, max: 32 } });
  const compile = gpu.pipeline.bind(gpu);
  gpu.pipeline = async (label, code) => compile(label, emulateMatrix(code));
}
console.log(`${gpu.description.description}, tier ${gpu.caps.tier}, i8 matrices ${gpu.caps.matrixI8 ? 'yes' : 'no'}`);
if (!gpu.caps.matrixI8) process.exit(0);

const SHAPES: Shape[] = software
  ? [{ name: 'small', M: 160, N: 288, K: 256 }]
  : [
      { name: '7B gate, up', M: 5888, N: 37888, K: 3584 },
      { name: '7B down', M: 5888, N: 3584, K: 18944 },
      { name: 'square', M: 4096, N: 4096, K: 4096 },
      // Fewer tiles than processors, and short sums: whether the second plan should be theirs.
      { name: '0.5B down', M: 2304, N: 896, K: 4864 },
      { name: 'SmolLM2 down', M: 16384, N: 576, K: 1536 },
    ];
const effort = { warmMs: software ? 0 : 25, ...(software && { samples: 1, sampleMs: 1 }) };

if (!software) {
  const rate = async (type: 'f16' | 'i8', reload: boolean) =>
    `${type} ${((await matrixRate(gpu, { type, reload, effort: { warmMs: 300 } })) / 1e12).toFixed(0)}${reload ? ' from workgroup memory' : ''}`;
  const rates = [await rate('i8', false), await rate('i8', true), await rate('f16', false), await rate('f16', true)];
  console.log(`multiply-accumulate alone, TOP/s: ${rates.join(', ')}`);
}

/** One direction of a layer: [M, sums] of numbers times W, `outs` columns of it. */
async function run({ name, M, N, K }: Shape, backward: boolean): Promise<void> {
  const [outs, sums] = backward ? [K, N] : [N, K];
  const rows = gpu.dim('rows', M);
  const w = new Q4Noise(N, K, 32);
  const weight = w.weight(gpu);
  const weightAt = backward ? (o: number, s: number) => w.at(s, o) : (o: number, s: number) => w.at(o, s);
  await measureInt8(gpu, [weight], true);

  const outliers = [3, sums >> 2, sums >> 1, sums - 5];
  const x = new Noise(1, M * sums, 'f16').tensor(gpu, 'x', [M, sums]);
  const halves = new Uint16Array((await gpu.read(x)) as Uint16Array);
  for (let m = 1; m < M; m += 2)
    for (const s of outliers) halves[m * sums + s] = toHalf(50 * fromHalf(halves[m * sums + s]));
  gpu.write(x, halves);
  const y = poisoned(gpu, 'y', 'f16', [M, outs]);

  const ms = [0, M - 2, 1, M - 1];
  const os = places(outs, software ? 64 : 256);
  const truth = os.map((o) => {
    const column = Float64Array.from({ length: sums }, (_, s) => weightAt(o, s));
    return ms.map((m) => {
      let [sum, square] = [0, 0];
      for (let s = 0; s < sums; s++) {
        const term = fromHalf(halves[m * sums + s]) * column[s];
        sum += term;
        square += term ** 2;
      }
      return { sum, size: Math.sqrt(square) };
    });
  });
  const errors = async () => {
    const { at } = await output(gpu, y);
    return [0, 1].map((odd) => {
      let sum = 0;
      for (const [i, m] of ms.entries())
        if (m % 2 === odd)
          for (const [j, o] of os.entries()) sum += ((at(m * outs + o) - truth[j][i].sum) / truth[j][i].size) ** 2;
      return Math.sqrt(sum / (2 * os.length)).toExponential(2);
    });
  };

  const timed = async (what: string, record: (r: Recorder) => void) => {
    const r = new Recorder(gpu);
    record(r);
    const recording = await r.finish();
    recording.replay();
    const [plain, large] = await errors();
    // What the host computed meanwhile let the clock fall.
    await warm(recording, 700);
    const us = (await time(recording, effort)).ns / 1e3;
    console.log(
      `${name}${backward ? ', dX' : ''}`.padEnd(18),
      `${what.padEnd(32)} ${us.toFixed(1).padStart(9)} us ${((2 * M * N * K) / us / 1e6).toFixed(0).padStart(5)} TOP/s  error ${plain}, with outliers ${large}`,
    );
    if (gpu.caps.timestamps) for (const line of profileLines(await recording.profile())) console.log(`    ${line}`);
    recording.free();
  };

  await timed('f16', (r) => {
    if (backward) linearBackward(r, { dy: x, weight, dx: y, rows });
    else product(r, { x, weight, y, rows });
  });
  const int8 = (r: Recorder, p: Int8Plan) => {
    if (backward) linearBackwardInt8(r, { dy: x, weight, dx: y, rows }, p);
    else linearInt8(r, { x, weight, y, rows }, p);
  };
  const [first] = INT8_PLANS;
  const plans = [
    ...INT8_PLANS,
    { ...first, AHEAD: 1 },
    { ...first, BM: 384, WM: 48, AHEAD: 1 },
    { ...first, BM: 192, WM: 48, AHEAD: 1 },
    { ...first, BM: 384, BN: 96, WM: 48, WN: 96, AHEAD: 1 },
  ];
  for (const p of plans.filter((p) => int8Fits(gpu.caps, { M, N: outs, K: sums, ldy: outs, column: 0 }, p)))
    if (left() > 1) await timed(`i8 ${p.BM}x${p.BN}x${p.BK}, ${p.WM}x${p.WN}, ${p.AHEAD} ahead`, (r) => int8(r, p));
  gpu.free(x, y, weight.words, weight.params, weight.int8!.rows!, weight.int8!.columns!);
}

for (const shape of SHAPES) for (const backward of [false, true]) if (left() > 3) await run(shape, backward);
process.exit(0);
