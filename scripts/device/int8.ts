/**
 * x · Wᵀ in i8 (kernels/linear/int8): x quantised a row at a time, int4 weights made i8, their product on subgroup matrices i8 x
 * i8 -> i32, in every plan of int8.plans.ts, checked and timed beside the f16 form of now, linear.tall:
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/int8.mjs [--seconds 85] [--only WORD]
 * Each plan's y is compared with exact sums of the quantised numbers, made here for some rows and columns, and all of it
 * with the first right plan's, bit for bit. Then what quantising costs: every second row of x has four columns 50 times as
 * large; errors are shares of sqrt(Σ (x w)²), root mean square. At the end awkward shapes, all of y. A software driver
 * plays the matrices.
 */
import { PLANS } from '../../kernels/linear/int8/int8.plans.ts';
import { dotInt8, epilogueRef, fromTiles, ROUNDING, roundingError } from '../../kernels/linear/int8/int8.ref.ts';
import {
  type Int8Plan,
  type Int8Rows,
  int8Fits,
  int8Weight,
  quantizeRows,
  recordInt8,
  requantizeW,
} from '../../kernels/linear/int8/int8.ts';
import { recordTall, TALL, type TallShape, tallFits } from '../../kernels/linear/linear.tall.ts';
import { tiles } from '../../kernels/linear/tiles.ts';
import type { Q4Weight } from '../../kernels/linear/weights.ts';
import { time } from '../../src/bench.ts';
import { uniform } from '../../src/data/random.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { emulateMatrix } from '../../test/emulated_matrix.ts';
import { argument, remaining, warm } from './experiment.ts';

interface Shape {
  name: string;
  M: number;
  N: number;
  K: number;
  y: 'f16' | 'f32';
}

const left = remaining(85);
const only = argument('--only') ?? '';
const gpu = await Gpu.open();
const { software } = gpu.description;
if (software) {
  Object.assign(gpu.caps, { tier: 'matrix', matrix: true, matrixI8: true, subgroups: { min: 32, max: 32 } });
  const compile = gpu.pipeline.bind(gpu);
  gpu.pipeline = async (label, code) => compile(label, emulateMatrix(code));
}
console.log(`${gpu.description.description}, tier ${gpu.caps.tier}, i8 matrices ${gpu.caps.matrixI8 ? 'yes' : 'no'}`);
if (!gpu.caps.matrixI8) process.exit(0);
const failure = gpu.lost.then((reason) => console.log(`the GPU was lost: ${reason}`));

const [C, F] = [3584, 18944];
const SHAPES: Shape[] = software
  ? [{ name: 'small', M: 400, N: 272, K: 256, y: 'f16' }]
  : [
      { name: '7B gate, up', M: 5888, N: 2 * F, K: C, y: 'f16' },
      { name: '7B down', M: 5888, N: C, K: F, y: 'f32' },
      { name: 'square', M: 4096, N: 4096, K: 4096, y: 'f16' },
    ];
const plans = PLANS.filter(([name]) => name.includes(only));
/** Rates of the first shape: the others try its best ones alone. */
const rates = new Map<string, number>();
const BEST = 8;

// What is multiplied at most, with everything in registers and with operands from workgroup memory.
function rateText(type: 'f16' | 'i8', staged: boolean, rounds: number): string {
  const [k, sum] = type === 'f16' ? [16, 'f32'] : [32, 'i32'];
  const each = (n: number, text: (i: number) => string) => Array.from({ length: n }, (_, i) => text(i)).join('\n');
  const load = (at: string) =>
    each(4, (i) => {
      const of = `${type}, ${k}, 16>, row_major>(&s, ${80 * i}u + t / 32u % 2u * 320u + ${at}, 5u)`;
      const right = `${type}, 16, ${k}>, col_major>(&s, ${640 + 80 * i}u + t / 64u % 2u * 320u + ${at}, 5u)`;
      return `a[${i}] = subgroupMatrixLoad<subgroup_matrix_left<${of};\nb[${i}] = subgroupMatrixLoad<subgroup_matrix_right<${right};`;
    });
  return specialise(
    `@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<${sum}>>;
var<workgroup> s: array<vec4<u32>, 1300>;
@compute @workgroup_size(128) fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) t: u32) {
for (var i = t; i < 1300u; i += 128u) { s[i] = x[i]; }
workgroupBarrier();
var a: array<subgroup_matrix_left<${type}, ${k}, 16>, 4>;
var b: array<subgroup_matrix_right<${type}, 16, ${k}>, 4>;
var c: array<subgroup_matrix_result<${sum}, 16, 16>, 16>;
${load('0u')}
for (var k = 0u; k < ${rounds}u; k++) {
${staged ? load('(k % 2u) * 2u') : ''}
${each(16, (i) => `c[${i}] = subgroupMatrixMultiplyAccumulate(a[${i & 3}], b[${i >> 2}], c[${i}]);`)}
}
${each(16, (i) => `subgroupMatrixStore<row_major>(&y, ((w.x * 4u + t / 32u) * 16u + ${i}u) * 64u, c[${i}], 4u);`)}
}`,
    { enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'] },
  );
}

async function rate(): Promise<void> {
  const [rounds, groups] = [2000, 264];
  const bits = Uint32Array.from({ length: 5200 }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) ^ (i << 7)) >>> 0);
  const y = gpu.tensor('y', 'u32', [groups * 4 * 16 * 256]);
  const jobs: [string, Recording, number][] = [];
  for (const type of ['i8', 'f16'] as const)
    for (const staged of [false, true]) {
      // As halves some would be infinite or NaN: exponents are cut.
      const x = gpu.upload('x', 'u32', [bits.length], type === 'i8' ? bits : bits.map((v) => v & 0x3bff3bff));
      const r = new Recorder(gpu);
      r.dispatch({ label: type, code: rateText(type, staged, rounds), bindings: [x, y], grid: [groups] });
      const operations = groups * 4 * 16 * 512 * (type === 'i8' ? 32 : 16) * rounds;
      jobs.push([`${type} from ${staged ? 'workgroup memory' : 'registers'}`, await r.finish(), operations]);
    }
  await warm(jobs[0][1]);
  const found: string[] = [];
  for (const [name, recording, operations] of jobs) {
    const { ns } = await time(recording, { warmMs: 25 });
    found.push(`${name} ${(operations / ns / 1e3).toFixed(0)}`);
  }
  console.log(`multiply-accumulate alone, TOP/s: ${found.join(', ')}`);
  gpu.free(y);
}

const unit = uniform(0x2545f491);
const whole = (n: number) => Math.floor(unit() * n);
const gaussian = () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit());
/** Numbers repeat after as many, which no row's length divides: making more takes longer than the kernels run. */
const PERIOD = 1048573;
function filled<T extends Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(out: T, value: () => number): T {
  const own = Math.min(out.length, PERIOD);
  for (let i = 0; i < own; i++) out[i] = value();
  for (let at = own; at < out.length; at *= 2) out.copyWithin(at, 0, Math.min(at, out.length - at));
  return out;
}

const POISON = `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  for (var i = wg.x * 256u + t; i < arrayLength(&y); i += groups.x * 256u) { y[i] = 0xffffffffu; }
}`;
const DIFFER = `@group(0) @binding(0) var<storage, read> y: array<u32>;
@group(0) @binding(1) var<storage, read> other: array<u32>;
@group(0) @binding(2) var<storage, read_write> count: array<atomic<u32>>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  for (var i = wg.x * 256u + t; i < arrayLength(&y); i += groups.x * 256u) {
    if (y[i] != other[i]) { atomicAdd(&count[0], 1u); }
  }
}`;
const recorded = async (record: (r: Recorder) => void): Promise<Recording> => {
  const r = new Recorder(gpu);
  record(r);
  return r.finish();
};
const simple = (code: string, bindings: Tensor[]) =>
  recorded((r) => r.dispatch({ label: 'check', code, bindings, grid: [1024] }));

/** Whole rows of y as numbers. */
async function rowsOf(y: Tensor, rows: readonly number[]): Promise<Float64Array[]> {
  const N = y.shape[1];
  const bytes = N * (y.dtype === 'f16' ? 2 : 4);
  const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const got = gpu.device.createBuffer({ size: bytes * rows.length, usage });
  const encoder = gpu.device.createCommandEncoder();
  for (const [i, m] of rows.entries()) encoder.copyBufferToBuffer(y.buffer, m * bytes, got, i * bytes, bytes);
  gpu.device.queue.submit([encoder.finish()]);
  const raw = await gpu.readBuffer(got, bytes * rows.length);
  got.destroy();
  const all =
    y.dtype === 'f16' ? Float64Array.from(new Uint16Array(raw), fromHalf) : Float64Array.from(new Float32Array(raw));
  return rows.map((_, i) => all.subarray(i * N, i * N + N));
}

interface Weights {
  weight: Q4Weight;
  /** Weights of a row, in float64. */
  row(n: number): Float64Array;
}

function weightsOf(N: number, K: number): Weights {
  const group = 32;
  const G = K / group;
  const words = filled(new Uint32Array((N * K) / 8), () => unit() * 2 ** 32);
  const params = filled(new Uint32Array(N * G), () => {
    const a = (0.3 + 0.7 * unit()) * 0.004;
    return toHalf(a) + toHalf(-7.5 * a) * 65536;
  });
  return {
    weight: {
      ...{ kind: 'q4', N, K, group, meta: 'offset16' },
      words: gpu.upload('words', 'u32', [N, K / 8], words),
      params: gpu.upload('params', 'u32', [N, G], params),
    },
    row: (n) => {
      const out = new Float64Array(K);
      for (let k = 0; k < K; k++) {
        const p = params[n * G + (k >> 5)];
        out[k] = fromHalf(p) * ((words[(n * K + k) >>> 3] >>> (4 * (k % 8))) & 15) + fromHalf(p >>> 16);
      }
      return out;
    },
  };
}

/** Every second row has four columns that are 50 times as large. */
function activations(M: number, K: number): Uint16Array<ArrayBuffer> {
  const X = filled(new Uint16Array(M * K), () => toHalf(gaussian()));
  for (let m = 1; m < M; m += 2)
    for (const k of [3, K >> 2, K >> 1, K - 5]) X[m * K + k] = toHalf(50 * fromHalf(X[m * K + k]));
  return X;
}

const readTiles = async (q: Int8Rows, rows: readonly number[], cores: boolean) => {
  const all = new Int8Array(((await gpu.read(q.tiles)) as Uint32Array).buffer);
  const scale = (await gpu.read(q.scale)) as Float32Array;
  return rows.map((row, i) => ({ q: fromTiles(all, [row], q.K, cores)[0], scale: scale[row], i }));
};

async function run(shape: Shape): Promise<void> {
  const { M, N, K } = shape;
  const say = (name: string, text: string) => console.log(`${shape.name.padEnd(12)} ${name.padEnd(36)} ${text}`);
  const X = activations(M, K);
  const { weight, row } = weightsOf(N, K);
  const x = gpu.upload('x', 'f16', [M, K], X);
  const rows = gpu.dim('rows', M);
  const y = gpu.tensor('y', shape.y, [M, N]);
  const kept = gpu.tensor('kept', shape.y, [M, N]);
  const count = gpu.tensor('count', 'u32', [4]);
  const [poison, differ] = [await simple(POISON, [y]), await simple(DIFFER, [y, kept, count])];

  // Operands, made once for all plans.
  const operands = new Recorder(gpu);
  const qx = quantizeRows(operands, { x, rows, to: 128 }, 'x');
  const qw = int8Weight(operands, weight, 128, 'W');
  requantizeW(operands, weight, qw, true);
  const qwRows = int8Weight(operands, weight, 128, 'W in rows');
  requantizeW(operands, weight, qwRows, false);
  const made = await operands.finish();
  made.replay();
  const product = (r: Recorder, p: Int8Plan, xs = qx, ws = p.stages ? qw : qwRows) =>
    recordInt8(r, { x: xs, w: ws, N, y, rows }, 'linear', p);

  // Compiled while the reference is made.
  const tried = plans.filter(([name, p]) => {
    const best = [...rates.values()].sort((a, b) => b - a)[BEST - 1] ?? 0;
    return (rates.get(name) ?? best) >= best && int8Fits(gpu.caps, { M, N, K, ldy: N, column: 0 }, p);
  });
  const compiling = Promise.all(
    tried.map(async ([name, p]) => {
      try {
        return { name, p, recording: await recorded((r) => product(r, p)) };
      } catch (error) {
        say(name, (error as Error).message.slice(0, 200));
        return undefined;
      }
    }),
  );

  // Exact sums for four rows and some columns, and those of what was quantised.
  const ms = [0, M - 1, 2 * whole(M >> 1), 1 + 2 * whole(M >> 1)];
  if (M % 2) throw new Error('rows of both kinds must be as many');
  const edge = Math.min(160, N >> 2);
  const ns = Array.from({ length: Math.min(N, software ? 96 : 1024) }, (_, i) =>
    i < edge ? i : i < 2 * edge ? N - 1 - (i - edge) : whole(N),
  );
  const xs = await readTiles(qx, ms, false);
  const ws = await readTiles(qw, ns, true);
  let off = 0;
  const exact = ms.map((m, i) => {
    const values = Float64Array.from(X.subarray(m * K, m * K + K), fromHalf);
    off = Math.max(off, roundingError(xs[i].q, values, xs[i].scale));
    return values;
  });
  const expected = ms.map(() => ns.map(() => ({ value: 0, allowed: 0 })));
  /** Sums of squares, plain rows and those with outliers: what was quantised, x alone, W alone; of a y, later. */
  const share = [0, 1].map(() => ({ both: 0, x: 0, w: 0 }));
  const truth = ms.map(() => new Float64Array(ns.length));
  const size = ms.map(() => new Float64Array(ns.length));
  ns.forEach((n, j) => {
    const w = row(n);
    const { q, scale } = ws[j];
    off = Math.max(off, roundingError(q, w, scale));
    ms.forEach((m, i) => {
      expected[i][j] = epilogueRef(dotInt8(xs[i].q, q), xs[i].scale, scale, shape.y);
      const [v, qv] = [exact[i], xs[i].q];
      let [sum, square, xAlone, wAlone] = [0, 0, 0, 0];
      for (let k = 0; k < K; k++) {
        const term = v[k] * w[k];
        sum += term;
        square += term * term;
        xAlone += qv[k] * w[k];
        wAlone += v[k] * q[k];
      }
      truth[i][j] = sum;
      size[i][j] = Math.sqrt(square);
      const s = share[m % 2];
      s.both += (expected[i][j].value - sum) ** 2 / square;
      s.x += (xAlone * xs[i].scale - sum) ** 2 / square;
      s.w += (wAlone * scale - sum) ** 2 / square;
    });
  });
  say('quantised', `${off <= ROUNDING ? 'right' : 'WRONG'}: at most ${off.toFixed(5)} of a step off`);
  const mean = (sum: number) => Math.sqrt(sum / (ns.length * 2)).toExponential(2);
  for (const [i, name] of ['plain rows', 'rows with outliers'].entries())
    say(`error, ${name}`, `x and W ${mean(share[i].both)}, x alone ${mean(share[i].x)}, W alone ${mean(share[i].w)}`);

  /** Where a y that was poisoned before differs from what it must be. */
  let known = false;
  async function verdict(recording: Recording): Promise<string> {
    poison.replay();
    recording.replay();
    const got = await rowsOf(y, ms);
    let wrong = 0;
    for (const [i] of ms.entries())
      for (const [j, n] of ns.entries()) {
        const { value, allowed } = expected[i][j];
        if (!(Math.abs(got[i][n] - value) <= allowed)) wrong++;
      }
    if (wrong) return `WRONG: ${wrong} of ${ms.length * ns.length}`;
    if (!known) {
      const encoder = gpu.device.createCommandEncoder();
      encoder.copyBufferToBuffer(y.buffer, 0, kept.buffer, 0, y.bytes);
      gpu.device.queue.submit([encoder.finish()]);
      known = true;
      return 'right';
    }
    gpu.write(count, new Uint32Array(4));
    differ.replay();
    const others = (await gpu.read(count))[0];
    return others ? `WRONG: ${others} words differ from the first right plan's` : 'right';
  }

  const effort = { warmMs: software ? 0 : 25, ...(software && { samples: 1, sampleMs: 1 }) };
  const rateOf = (us: number) =>
    `${us.toFixed(1).padStart(9)} us ${((2 * M * N * K) / us / 1e6).toFixed(0).padStart(5)} TOP/s`;
  const timed = async (recording: Recording) => (await time(recording, effort)).ns / 1e3;
  const jobs: { name: string; p?: Int8Plan; recording: Recording; right: string }[] = [];
  const tall: TallShape = {
    ...{ M, N, K, byK: false, x: 'f16', w: 'u32', group: 32, ldx: K, first: 0, ldy: N, column: 0 },
  };
  // lavapipe has less workgroup memory than it takes.
  const tallPlan = software ? { ...TALL, BN: 64, WN: 64 } : TALL;
  if (tallFits(gpu.caps, tall, tallPlan)) {
    const call = { x, weight, y, rows, byK: false };
    const recording = await recorded((r) => recordTall(r, call, 'linear', tallPlan));
    poison.replay();
    recording.replay();
    const got = await rowsOf(y, ms);
    const sums = [0, 0];
    ms.forEach((m, i) => {
      ns.forEach((n, j) => {
        sums[m % 2] += ((got[i][n] - truth[i][j]) / size[i][j]) ** 2;
      });
    });
    jobs.push({
      name: 'linear.tall, f16, as it is now',
      recording,
      right: `error ${mean(sums[0])}, with outliers ${mean(sums[1])}`,
    });
  }
  for (const job of await compiling) if (job) jobs.push({ ...job, right: await verdict(job.recording) });
  if (jobs.length) await warm(jobs[0].recording);
  let best: { us: number; p: Int8Plan } | undefined;
  for (const { name, p, recording, right } of jobs) {
    if (left() < 2) break;
    const us = await timed(recording);
    say(name, `${rateOf(us)}  ${right}`);
    if (!p || right !== 'right') continue;
    if (shape === SHAPES[0]) rates.set(name, 1 / us);
    if (!best || us < best.us) best = { us, p };
  }
  const bytes = (us: number, n: number) =>
    `${us.toFixed(1).padStart(9)} us ${(n / us / 1e6).toFixed(2).padStart(5)} TB/s`;
  const parts: [string, (r: Recorder) => void, number?][] = [
    ['x in tiles, f16 (in linear.tall’s time)', (r) => void tiles(r, { x, rows }, 'tiles'), 4 * M * K],
    ['quantize_rows', (r) => void quantizeRows(r, { x, rows, to: 128 }, 'x'), 3 * M * K],
    ['requantize_w', (r) => requantizeW(r, weight, qw, true), 1.625 * N * K],
    ['requantize_w, tiles of rows', (r) => requantizeW(r, weight, qwRows, false), 1.625 * N * K],
  ];
  if (best) {
    const { p } = best;
    parts.push(['the best, with x', (r) => product(r, p, quantizeRows(r, { x, rows, to: 128 }, 'x'))]);
    parts.push([
      'the best, with x and W',
      (r) => {
        const w = p.stages ? qw : qwRows;
        requantizeW(r, weight, w, p.stages > 0);
        product(r, p, quantizeRows(r, { x, rows, to: 128 }, 'x'), w);
      },
    ]);
  }
  for (const [name, record, n] of parts) {
    if (left() < 1) break;
    const recording = await recorded(record);
    const us = await timed(recording);
    say(name, n ? bytes(us, n) : rateOf(us));
    recording.free();
  }
  for (const { recording } of jobs) recording.free();
  made.free();
  gpu.free(x, y, kept, count, weight.words, weight.params);
}

/** All of y, where nothing is a multiple of anything. */
async function awkward(): Promise<void> {
  const bad: string[] = [];
  let right = 0;
  for (const { K, dtype } of [
    { K: 288, dtype: 'f16' },
    { K: 480, dtype: 'f32' },
  ] as const) {
    // Every plan is compiled anew.
    if (left() < 10) break;
    const [M, count, N] = [421, 410, 228];
    const X = activations(M, K);
    const { weight, row } = weightsOf(N, K);
    const x = gpu.upload('x', 'f16', [M, K], X);
    const rows = gpu.dim('rows', count);
    const biases = Float32Array.from({ length: N }, gaussian);
    const bias = dtype === 'f16' ? gpu.upload('bias', 'f32', [N], biases) : undefined;
    const held = Float32Array.from({ length: M * N }, gaussian);
    const all = (n: number) => Array.from({ length: n }, (_, i) => i);
    let sums: Float64Array | undefined;
    await Promise.all(
      plans.map(async ([name, p]) => {
        if (!int8Fits(gpu.caps, { M, N, K, ldy: N, column: 0 }, p)) return;
        const y = bias ? gpu.tensor('y', dtype, [M, N]) : gpu.upload('y', 'f32', [M, N], held);
        if (bias) gpu.device.queue.writeBuffer(y.buffer, 0, new Uint8Array(y.bytes).fill(0xff));
        const r = new Recorder(gpu);
        const qx = quantizeRows(r, { x, rows, to: p.BK }, 'x');
        const qw = int8Weight(r, weight, p.BK, 'W');
        requantizeW(r, weight, qw, p.stages > 0);
        recordInt8(r, { x: qx, w: qw, N, y, rows, bias, add: !bias }, 'linear', p);
        (await r.finish()).replay();
        const got = await rowsOf(y, all(M));
        const xs = await readTiles(qx, all(count), false);
        const ws = await readTiles(qw, all(N), p.stages > 0);
        // The same for all plans, but for the zeros at their ends.
        sums ??= Float64Array.from({ length: count * N }, (_, i) => dotInt8(xs[Math.floor(i / N)].q, ws[i % N].q));
        let wrong = 0;
        for (let m = 0; m < M; m++)
          for (let n = 0; n < N; n++) {
            const before = bias ? Number.NaN : held[m * N + n];
            if (m >= count) {
              if (!Object.is(got[m][n], before)) wrong++;
              continue;
            }
            const { value, allowed } = epilogueRef(sums[m * N + n], xs[m].scale, ws[n].scale, dtype, {
              bias: bias ? biases[n] : 0,
              held: bias ? 0 : before,
            });
            if (!(Math.abs(got[m][n] - value) <= allowed)) wrong++;
          }
        for (let n = 0; n < N; n++) if (!(roundingError(ws[n].q, row(n), ws[n].scale) <= ROUNDING)) wrong++;
        if (wrong) bad.push(`${name}, K ${K}: ${wrong}`);
        else right++;
        gpu.free(y);
      }),
    );
  }
  console.log(`awkward shapes, all of y: ${right} right${bad.length ? `, WRONG: ${bad.join('; ')}` : ''}`);
}

if (!software) await rate();
for (const shape of SHAPES) if (left() > 5) await run(shape);
await awkward();
void failure;
process.exit(0);
