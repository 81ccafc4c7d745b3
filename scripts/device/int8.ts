/**
 * x · Wᵀ in i8 (kernels/linear/int8) by its parts, beside the f16 form of the same layer: what `lacuna bench --kernel "linear
 * q4"` times as one. Each plan by itself, quantising x and W, and what both cost in accuracy:
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/int8.mjs [--seconds 40]
 * Each plan's y is compared with exact sums of the quantised numbers for some rows and columns. Every second row of x has four
 * columns 50 times as large; errors are shares of sqrt(Σ (x w)²), root mean square. A software driver plays the matrices.
 */
import { dotInt8, epilogueRef, fromTiles, ROUNDING, roundingError } from '../../kernels/linear/int8/int8.ref.ts';
import {
  INT8_PLANS,
  type Int8Rows,
  int8Fits,
  int8Weight,
  linearInt8,
  quantizeRows,
  recordInt8,
  requantizeW,
} from '../../kernels/linear/int8/int8.ts';
import { product } from '../../kernels/linear/linear.product.ts';
import type { Q4Weight } from '../../kernels/linear/weights.ts';
import { time } from '../../src/bench.ts';
import { matrixRate } from '../../src/bench_ceilings.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
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
  y: 'f16' | 'f32';
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
  ? [{ name: 'small', M: 160, N: 272, K: 256, y: 'f16' }]
  : [
      { name: '7B gate, up', M: 5888, N: 37888, K: 3584, y: 'f16' },
      { name: '7B down', M: 5888, N: 3584, K: 18944, y: 'f32' },
      { name: 'square', M: 4096, N: 4096, K: 4096, y: 'f16' },
      // Fewer tiles than processors, and short sums: whether the second plan should be theirs.
      { name: '0.5B down', M: 2304, N: 896, K: 4864, y: 'f32' },
      { name: 'SmolLM2 down', M: 16384, N: 576, K: 1536, y: 'f32' },
    ];
let warmed = false;
const effort = { warmMs: software ? 0 : 25, ...(software && { samples: 1, sampleMs: 1 }) };

if (!software) {
  const rate = async (type: 'f16' | 'i8', reload: boolean) =>
    `${type} ${((await matrixRate(gpu, { type, reload, effort: { warmMs: 300 } })) / 1e12).toFixed(0)}${reload ? ' from workgroup memory' : ''}`;
  const rates = [await rate('i8', false), await rate('i8', true), await rate('f16', false), await rate('f16', true)];
  console.log(`multiply-accumulate alone, TOP/s: ${rates.join(', ')}`);
}

const recorded = async (record: (r: Recorder) => void) => {
  const r = new Recorder(gpu);
  record(r);
  return { recording: await r.finish(), labels: r.dispatches.map((d) => d.label) };
};

/** Rows as they were quantised, on the host. */
async function readRows(q: Int8Rows, rows: readonly number[], squares: boolean) {
  const all = new Int8Array(((await gpu.read(q.tiles)) as Uint32Array).buffer);
  const scale = await gpu.read(q.scale);
  return rows.map((row) => ({ q: fromTiles(all, [row], q.K, squares)[0], scale: scale[row] }));
}

async function run({ name, M, N, K, y: type }: Shape): Promise<void> {
  const say = (what: string, text: string) => console.log(`${name.padEnd(13)} ${what.padEnd(34)} ${text}`);
  const noise = new Noise(1, M * K, 'f16');
  const outliers = [3, K >> 2, K >> 1, K - 5];
  const at = (m: number, k: number) => noise.at(m * K + k) * (m % 2 && outliers.includes(k) ? 50 : 1);
  const x = noise.tensor(gpu, 'x', [M, K]);
  const large = new Uint16Array((await gpu.read(x)) as Uint16Array);
  for (let m = 1; m < M; m += 2) for (const k of outliers) large[m * K + k] = toHalf(at(m, k));
  gpu.write(x, large);
  const w = new Q4Noise(N, K, 32);
  const weight: Q4Weight = w.weight(gpu);
  const rows = gpu.dim('rows', M);
  const y = poisoned(gpu, 'y', type, [M, N]);
  const call = { x, weight, y, rows };

  const ms = [0, M - 2, 1, M - 1];
  const ns = places(N, software ? 64 : 256);
  const exact = ms.map((m) => Float64Array.from({ length: K }, (_, k) => fromHalf(large[m * K + k])));
  /** Sums, and sqrt(Σ (x w)²), by row and column. */
  const truth = ms.map(() => ns.map(() => ({ sum: 0, size: 0 })));
  const columns = ns.map((n) => Float64Array.from({ length: K }, (_, k) => w.at(n, k)));
  columns.forEach((column, j) => {
    exact.forEach((row, i) => {
      let [sum, square] = [0, 0];
      for (let k = 0; k < K; k++) {
        sum += row[k] * column[k];
        square += (row[k] * column[k]) ** 2;
      }
      truth[i][j] = { sum, size: Math.sqrt(square) };
    });
  });
  const read = async (t: Tensor) => {
    const { at } = await output(gpu, t);
    return ms.map((m) => ns.map((n) => at(m * N + n)));
  };
  const errors = (got: number[][]) =>
    [0, 1].map((odd) => {
      let sum = 0;
      for (const i of [0, 1, 2, 3].filter((i) => ms[i] % 2 === odd))
        for (const [j, { sum: value, size }] of truth[i].entries()) sum += ((got[i][j] - value) / size) ** 2;
      return Math.sqrt(sum / (2 * ns.length)).toExponential(2);
    });

  const timed = async (
    what: string,
    record: (r: Recorder) => void,
    bytes?: number,
    verdict?: () => Promise<string>,
  ) => {
    if (left() < 1) return;
    const { recording, labels } = await recorded(record);
    if (!warmed) await warm(recording);
    warmed = true;
    recording.replay();
    const says = verdict ? `  ${await verdict()}` : '';
    const us = (await time(recording, effort)).ns / 1e3;
    const rate = bytes
      ? `${(bytes / us / 1e6).toFixed(2).padStart(5)} TB/s`
      : `${((2 * M * N * K) / us / 1e6).toFixed(0).padStart(5)} TOP/s`;
    say(what === '' ? labels.at(-1)! : what, `${us.toFixed(1).padStart(9)} us ${rate}${says}`);
    recording.free();
  };

  await timed(
    '',
    (r) => product(r, call),
    undefined,
    async () => `f16, as it is now: error ${errors(await read(y)).join(', with outliers ')}`,
  );
  const fitting = INT8_PLANS.filter((p) => int8Fits(gpu.caps, { M, N, K, ldy: N, column: 0 }, p));
  for (const plan of fitting) {
    const { BM, BN, BK } = plan;
    const tile = `${BM}x${BN}x${BK}`;
    const operands = new Recorder(gpu);
    const qx = quantizeRows(operands, { x, rows, to: BK }, 'x');
    const qw = int8Weight(operands, weight, BK, 'W');
    requantizeW(operands, weight, qw);
    const made = await operands.finish();
    made.replay();
    const verdict = async () => {
      const got = await read(y);
      const [xs, ws] = [await readRows(qx, ms, false), await readRows(qw, ns, true)];
      let [off, wrong] = [0, 0];
      xs.forEach((row, i) => {
        off = Math.max(off, roundingError(row.q, exact[i], row.scale));
        ws.forEach((column, j) => {
          const { value, allowed } = epilogueRef(dotInt8(row.q, column.q), row.scale, column.scale, type);
          if (!(Math.abs(got[i][j] - value) <= allowed)) wrong++;
        });
      });
      ws.forEach((column, j) => {
        off = Math.max(off, roundingError(column.q, columns[j], column.scale));
      });
      const right = !wrong && off <= ROUNDING ? 'right' : `WRONG: ${wrong} sums, ${off} of a step off`;
      return `${right}, error ${errors(got).join(', with outliers ')}`;
    };
    await timed(tile, (r) => recordInt8(r, { x: qx, w: qw, N, y, rows }, 'product', plan), undefined, verdict);
    await timed(`${tile}, with x`, (r) => {
      recordInt8(r, { x: quantizeRows(r, { x, rows, to: BK }, 'x'), w: qw, N, y, rows }, 'product', plan);
    });
    await timed(`${tile}, with x and W`, (r) => void linearInt8(r, call, plan));
    if (plan === fitting[0]) {
      await timed('quantize x', (r) => void quantizeRows(r, { x, rows, to: BK }, 'x'), 3 * M * K);
      await timed('requantize W', (r) => requantizeW(r, weight, qw), 1.625 * N * K);
    }
    made.free();
  }
  gpu.free(x, y, weight.words, weight.params);
}

for (const shape of SHAPES) if (left() > 3) await run(shape);
process.exit(0);
