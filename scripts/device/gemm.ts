/**
 * Tiles of the int4 products on subgroup matrices for many rows, X·Wᵀ and dY·W, checked and timed beside the tile of 128 x
 * 128 that stages x (gemm.plans.ts says which):
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/gemm.mjs [--seconds 50] [--only WORD]
 * All of a shape are compiled and checked before any is timed, so that nothing lets the GPU idle, and its clock drop, in
 * between. Times include making x into tiles.
 */
import { matrixFits, matrixPlans, recordMatrix } from '../../kernels/linear/linear.matrix.ts';
import { recordTall, type Tall, type TallPlan, tallFits } from '../../kernels/linear/linear.tall.ts';
import { shapeOf } from '../../kernels/linear/linear.types.ts';
import type { Weight } from '../../kernels/linear/weights.ts';
import { time } from '../../src/bench.ts';
import { matrixRate } from '../../src/bench_ceilings.ts';
import { uniform } from '../../src/data/random.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { argument, remaining, warm } from './experiment.ts';
import { PLANS } from './gemm.plans.ts';

interface Shape {
  name: string;
  M: number;
  N: number;
  K: number;
  byK: boolean;
  y: 'f16' | 'f32';
  /** Weights in f16: what unpacking costs. */
  dense?: boolean;
}

const left = remaining(50);
const only = argument('--only') ?? '';

const gpu = await Gpu.open();
const { software } = gpu.description;
const [M, C, F] = software ? [256, 128, 256] : [5888, 3584, 18944];
/** A square, and Qwen2.5-7B's. */
const SHAPES: Shape[] = [
  {
    name: 'square',
    M: software ? 256 : 4096,
    N: software ? 256 : 4096,
    K: software ? 256 : 4096,
    byK: false,
    y: 'f16',
  },
  { name: '7B gate, up, f16 W', M, N: 2 * F, K: C, byK: false, y: 'f16', dense: true },
  { name: '7B gate, up', M, N: 2 * F, K: C, byK: false, y: 'f16' },
  { name: '7B down', M, N: C, K: F, byK: false, y: 'f32' },
  { name: '7B gate, up, dX', M, N: C, K: 2 * F, byK: true, y: 'f16' },
  { name: '7B down, dX', M, N: F, K: C, byK: true, y: 'f16' },
];
console.log(`${gpu.description.description}, tier ${gpu.caps.tier}`);

const unit = uniform(0x2545f491);
const random = () => unit() * 2 ** 32;
/** Numbers repeat after as many, which no row's length divides: making more takes longer than the kernels run. */
const PERIOD = 1048573;
function filled<T extends Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(out: T, value: () => number): T {
  const own = Math.min(out.length, PERIOD);
  for (let i = 0; i < own; i++) out[i] = value();
  for (let at = own; at < out.length; at *= 2) out.copyWithin(at, 0, Math.min(at, out.length - at));
  return out;
}

/** Counts what is not finite in y. */
const CHECK = `@group(0) @binding(0) var<storage, read> y: array<u32>;
@group(0) @binding(1) var<storage, read_write> bad: array<atomic<u32>>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  for (var i = wg.x * 256u + t; i < arrayLength(&y); i += groups.x * 256u) {
    let v = y[i];
    let f32_bad = (v & 0x7f800000u) == 0x7f800000u;
    let f16_bad = (v & 0x7c00u) == 0x7c00u || (v & 0x7c000000u) == 0x7c000000u;
    if (select(f16_bad, f32_bad, WIDE)) { atomicAdd(&bad[0], 1u); }
  }
}`;
const POISON = `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  for (var i = wg.x * 256u + t; i < arrayLength(&y); i += groups.x * 256u) { y[i] = 0xffffffffu; }
}`;

async function problem({ M, N, K, byK, y: dtype, dense }: Shape) {
  const [rows, columns] = byK ? [K, N] : [N, K];
  const groups = columns / 32;
  const X = filled(new Uint16Array(M * K), () => toHalf(random() / 2 ** 31 - 1));
  const words = filled(new Uint32Array((rows * columns) / 8), random);
  const params = filled(
    new Uint32Array(rows * groups),
    () => toHalf(0.005 + random() / 2 ** 38) + toHalf(-0.06 + random() / 2 ** 36) * 65536,
  );
  const y = gpu.tensor('y', dtype, [M, N]);
  const D = dense && filled(new Uint16Array(rows * columns), () => toHalf(random() / 2 ** 35 - 0.0625));
  const weight: Weight = D
    ? {
        kind: 'dense',
        N: rows,
        K: columns,
        data: gpu.upload('W', 'f16', [rows, columns], D) as Tensor & { dtype: 'f16' },
      }
    : {
        ...{ kind: 'q4', N: rows, K: columns, group: 32, meta: 'offset16' },
        words: gpu.upload('words', 'u32', [rows, columns / 8], words),
        params: gpu.upload('params', 'u32', [rows, groups], params),
      };
  const call: Tall = { x: gpu.upload('x', 'f16', [M, K], X), weight, y, rows: gpu.dim('rows', M), byK };
  const w = (row: number, column: number): number => {
    if (D) return fromHalf(D[row * columns + column]);
    const p = params[row * groups + (column >> 5)];
    const q = (words[(row * columns + column) >>> 3] >>> (4 * (column % 8))) & 15;
    // As the kernel rounds it: what is compared is the product.
    return fromHalf(toHalf(fromHalf(p & 65535) * q + fromHalf(p >>> 16)));
  };
  const samples = Array.from({ length: 64 }, (_, i) => {
    const m = i < 8 ? M - 1 - i : random() % M;
    const n = i < 8 ? N - 1 - 3 * i : random() % N;
    let sum = 0;
    for (let k = 0; k < K; k++) sum += fromHalf(X[m * K + k]) * (byK ? w(k, n) : w(n, k));
    return { at: m * N + n, sum };
  });
  const bad = gpu.tensor('bad', 'u32', [4]);
  const recorded = async (code: string, bindings: (typeof y)[]) => {
    const r = new Recorder(gpu);
    r.dispatch({ label: 'check', code, bindings, grid: [1024] });
    return r.finish();
  };
  const check = await recorded(`const WIDE = ${dtype === 'f32'};\n${CHECK}`, [y, bad]);
  const poison = await recorded(POISON, [y]);
  /** Relative error of a sample of outputs, and how many of all are not finite, of a call on poisoned y. */
  async function error(recording: Recording): Promise<string> {
    poison.replay();
    recording.replay();
    gpu.write(bad, new Uint32Array(4));
    check.replay();
    const wrong = (await gpu.read(bad))[0];
    const half = dtype === 'f16';
    const { device } = gpu;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const got = device.createBuffer({ size: 4 * samples.length, usage });
    const encoder = device.createCommandEncoder();
    for (const [i, { at }] of samples.entries())
      encoder.copyBufferToBuffer(y.buffer, half ? (at >> 1) * 4 : at * 4, got, 4 * i, 4);
    device.queue.submit([encoder.finish()]);
    const raw = new Uint32Array(await gpu.readBuffer(got, 4 * samples.length));
    const floats = new Float32Array(raw.buffer);
    let [off, size] = [0, 0];
    for (const [i, { at, sum }] of samples.entries()) {
      const v = half ? fromHalf((raw[i] >>> (16 * (at & 1))) & 65535) : floats[i];
      off += (v - sum) ** 2;
      size += sum ** 2;
    }
    return `${wrong ? `${wrong} NOT FINITE ` : ''}${Math.sqrt(off / size).toExponential(1)}`;
  }
  return {
    call,
    error,
    free: () => gpu.free(call.x, y, bad, ...(weight.kind === 'q4' ? [weight.words, weight.params] : [weight.data])),
  };
}

if (gpu.caps.matrix) console.log(`multiply-accumulate alone: ${((await matrixRate(gpu)) / 1e12).toFixed(0)} TFLOP/s`);
for (const shape of SHAPES) {
  if (left() < 5) break;
  const { M, N, K, byK } = shape;
  const p = await problem(shape);
  const jobs: { name: string; recording: Recording; error: string }[] = [];
  const add = async (name: string, record: (r: Recorder) => void) => {
    const r = new Recorder(gpu);
    record(r);
    try {
      jobs.push({ name, recording: await r.finish(), error: '' });
    } catch (error) {
      console.log(`${shape.name.padEnd(18)} ${name}: ${(error as Error).message.slice(0, 200)}`);
    }
  };
  const staged = matrixPlans()[0];
  if (!byK && matrixFits(gpu.caps, shapeOf(p.call), staged))
    await add('128x128x64, x staged', (r) => recordMatrix(r, p.call, staged));
  const fits = (plan: TallPlan) =>
    tallFits(
      gpu.caps,
      {
        ...{ M, N, K, byK, x: 'f16', w: shape.dense ? 'f16' : 'u32', group: 32 },
        ...{ ldx: K, first: 0, ldy: N, column: 0 },
      },
      plan,
    );
  const plans = PLANS.filter(([name]) => name.includes(only));
  await Promise.all(
    plans.map(([name, plan]) =>
      fits(plan)
        ? add(name, (r) => recordTall(r, p.call, 'linear', plan))
        : console.log(`${shape.name.padEnd(18)} ${name}: does not fit`),
    ),
  );
  for (const job of jobs) job.error = await p.error(job.recording);
  if (jobs.length) await warm(jobs[0].recording);
  for (const { name, recording, error } of jobs) {
    if (left() < 1) break;
    const us = (await time(recording, { warmMs: software ? 0 : 25 })).ns / 1e3;
    const rate = ((2 * M * N * K) / us / 1e6).toFixed(0);
    console.log(
      `${shape.name.padEnd(18)} ${name.padEnd(44)} ${us.toFixed(1).padStart(8)} us ${rate.padStart(4)} TFLOP/s  error ${error}`,
    );
    recording.free();
  }
  p.free();
}
process.exit(0);
