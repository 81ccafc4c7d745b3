/**
 * Every tile of linear.matrix.wgsl on every shape, checked and timed, beside the machine's ceilings:
 *   npx vite build --config scripts/device/gemm.vite.config.ts, then on the GPU machine: node gemm.mjs [--seconds 90]
 * Pipelines are compiled and results checked first, so that nothing lets the GPU idle, and its clock drop, while it is
 * timed. `expected` is what the costs in linear.matrix.ts predict; * marks the tile that planMatrix takes.
 */

import {
  expectedClocks,
  type MatrixPlan,
  matrixFits,
  matrixPlans,
  planMatrix,
  recordMatrix,
} from '../../kernels/linear/linear.matrix.ts';
import { type Linear, shapeOf } from '../../kernels/linear/linear.types.ts';
import type { Q4Meta } from '../../kernels/linear/weights.ts';
import { matrixRate } from '../../src/bench_ceilings.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import { fromHalf, toHalf } from '../../src/half.ts';

interface Shape {
  name: string;
  M: number;
  N: number;
  K: number;
  /** Meta and group of int4 weights; dense f16 where absent. */
  q4?: [Q4Meta, number];
  bias?: boolean;
  /** f32 y that is added to. */
  add?: boolean;
}

const square = { M: 4096, N: 4096, K: 4096 };
const q4: [Q4Meta, number] = ['offset16', 32];
const SHAPES: Shape[] = [
  { name: '4096 cubed, g 32', ...square, q4 },
  { name: '4096 cubed, g 128', ...square, q4: ['offset16', 128] },
  { name: '4096 cubed, GPTQ', ...square, q4: ['zero16', 128] },
  { name: '4096 cubed, Q4_K', ...square, q4: ['offset32', 32] },
  { name: '4096 cubed, dense', ...square },
  { name: 'Qwen2.5-0.5B qkv', M: 2304, N: 1152, K: 896, q4, bias: true },
  { name: 'Qwen2.5-0.5B o', M: 2304, N: 896, K: 896, q4, add: true },
  { name: 'Qwen2.5-0.5B gate, up', M: 2304, N: 9728, K: 896, q4 },
  { name: 'Qwen2.5-0.5B down', M: 2304, N: 896, K: 4864, q4, add: true },
  { name: 'SmolLM2-135M qkv', M: 4096, N: 960, K: 576, q4 },
  { name: 'SmolLM2-135M o', M: 4096, N: 576, K: 576, q4, add: true },
  { name: 'SmolLM2-135M gate, up', M: 4096, N: 3072, K: 576, q4 },
  { name: 'SmolLM2-135M down', M: 4096, N: 576, K: 1536, q4, add: true },
];

const seconds = Number(process.argv[process.argv.indexOf('--seconds') + 1]) || 90;
const started = performance.now();
const left = () => seconds - (performance.now() - started) / 1000;

const gpu = await Gpu.open();
console.log(
  `${gpu.description.description}, tier ${gpu.caps.tier}, ${gpu.caps.maxWorkgroupStorage} bytes of workgroup memory`,
);

let state = 0x2545f491;
function random(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}
/** Halves in [-1, 1). */
const halfOf = Uint16Array.from({ length: 65536 }, () => toHalf(random() / 2 ** 31 - 1));
function halves(n: number): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(n);
  for (let i = 0; i < n; i++) out[i] = halfOf[random() & 65535];
  return out;
}

/** Counts what is not finite in y, and copies every 4,099th word of it. */
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

interface Problem {
  shape: Shape;
  call: Linear;
  bad: Tensor;
  check: Recording;
  /** Relative error of a sample of outputs, and how many are not finite. */
  error(): Promise<string>;
}

async function problem(shape: Shape): Promise<Problem> {
  const { M, N, K } = shape;
  const X = halves(M * K);
  const [meta, group] = shape.q4 ?? [undefined, 1];
  const words = shape.q4 ? Uint32Array.from({ length: (N * K) / 8 }, random) : undefined;
  const dense = words ? undefined : halves(N * K);
  const groups = Math.ceil(K / group);
  const pairs = Float32Array.from({ length: shape.q4 ? 2 * N * groups : 0 }, (_, i) => {
    if (i % 2 === 0) return fromHalf(toHalf(0.005 + random() / 2 ** 38));
    return meta === 'zero16' ? 7 + (random() % 3) : fromHalf(toHalf(-0.06 + random() / 2 ** 36));
  });
  const packed = Uint32Array.from(
    { length: pairs.length / 2 },
    (_, i) => toHalf(pairs[2 * i]) + toHalf(pairs[2 * i + 1]) * 65536,
  );
  const params = meta === 'offset32' ? new Uint32Array(pairs.buffer) : packed;
  const bias = shape.bias ? Float32Array.from({ length: N }, () => random() / 2 ** 32) : undefined;
  const y = gpu.tensor('y', shape.add ? 'f32' : 'f16', [M, N]);
  const call: Linear = {
    x: gpu.upload('x', 'f16', [M, K], X),
    weight: words
      ? {
          kind: 'q4',
          N,
          K,
          group,
          meta: meta!,
          words: gpu.upload('words', 'u32', [N, K / 8], words),
          params: gpu.upload('params', 'u32', [params.length], params),
        }
      : { kind: 'dense', N, K, data: gpu.upload('w', 'f16', [N, K], dense!) as never },
    y,
    rows: gpu.dim('rows', M),
    bias: bias && gpu.upload('bias', 'f32', [N], bias),
    add: shape.add,
  };
  const weight = (n: number, k: number): number => {
    if (dense) return fromHalf(dense[n * K + k]);
    const i = n * groups + Math.floor(k / group);
    const q = (words![(n * K + k) >>> 3] >>> (4 * (k % 8))) & 15;
    const [a, b] = [pairs[2 * i], pairs[2 * i + 1]];
    // As the kernel rounds it: what is compared is the product.
    return fromHalf(toHalf(meta === 'zero16' ? a * (q - b) : a * q + b));
  };
  const samples = Array.from({ length: 64 }, (_, i) => {
    const m = i < 8 ? M - 1 - i : random() % M;
    const n = i < 8 ? N - 1 - 3 * i : random() % N;
    let sum = bias?.[n] ?? 0;
    for (let k = 0; k < K; k++) sum += fromHalf(X[m * K + k]) * weight(n, k);
    return { at: m * N + n, sum };
  });
  const bad = gpu.tensor('bad', 'u32', [4]);
  const r = new Recorder(gpu);
  const code = specialise(CHECK, { constants: { WIDE: y.dtype === 'f32' } });
  r.dispatch({ label: 'check', code, bindings: [y, bad], grid: [1024] });
  const check = await r.finish();
  return {
    shape,
    call,
    bad,
    check,
    async error() {
      gpu.write(bad, new Uint32Array(4));
      check.replay();
      const wrong = (await gpu.read(bad))[0];
      const { device } = gpu;
      const got = device.createBuffer({
        size: 4 * samples.length,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
      });
      const encoder = device.createCommandEncoder();
      const half = y.dtype === 'f16';
      samples.forEach(({ at }, i) => {
        encoder.copyBufferToBuffer(y.buffer, half ? (at >> 1) * 4 : at * 4, got, 4 * i, 4);
      });
      device.queue.submit([encoder.finish()]);
      const raw = new Uint32Array(await gpu.readBuffer(got, 4 * samples.length));
      const floats = new Float32Array(raw.buffer);
      let off = 0;
      let size = 0;
      samples.forEach(({ at, sum }, i) => {
        const v = half ? fromHalf((raw[i] >>> (16 * (at & 1))) & 65535) : floats[i];
        off += (v - sum) ** 2;
        size += sum ** 2;
      });
      return `${wrong ? `${wrong} NOT FINITE ` : ''}${Math.sqrt(off / size).toExponential(1)}`;
    },
  };
}

/** Microseconds a call, median of 7 samples of 3 ms, warm because called back to back. */
async function timed(recording: Recording): Promise<number> {
  const repeats = Math.max(1, Math.round(3e6 / (await recording.time(1))));
  const end = performance.now() + 25;
  while (performance.now() < end) await recording.time(repeats);
  const ns: number[] = [];
  for (let i = 0; i < 7; i++) ns.push(await recording.time(repeats));
  return ns.sort((a, b) => a - b)[3] / 1e3;
}

/** Multiply-accumulate alone, then with its operands read from workgroup memory each time. */
async function ceilings(): Promise<void> {
  for (const reload of [false, true]) {
    const rate = await matrixRate(gpu, { reload, effort: { samples: 7, sampleMs: 3 } });
    console.log(
      `multiply-accumulate ${reload ? 'from workgroup memory' : 'alone'}: ${(rate / 1e12).toFixed(0)} TFLOP/s`,
    );
  }
}

const short = (p: MatrixPlan) =>
  `${p.BM}x${p.BN}x${p.BK} of ${p.WM}x${p.WN}${p.SLICES > 1 ? ' in slices' : ''}${p.FENCED ? ' fenced' : ''}`;

const jobs: { problem: Problem; plan: MatrixPlan; recording?: Recording; result: string }[] = [];
for (const shape of SHAPES) {
  const p = await problem(shape);
  const s = shapeOf(p.call);
  const plans = matrixPlans()
    .flatMap((plan) => [plan, { ...plan, FENCED: !plan.FENCED }])
    .filter((plan) => matrixFits(gpu.caps, s, plan));
  const recordings = await Promise.all(
    plans.map(async (plan) => {
      const r = new Recorder(gpu);
      recordMatrix(r, p.call, plan);
      try {
        return { recording: await r.finish(), result: '' };
      } catch (error) {
        return { result: (error as Error).message.slice(0, 160) };
      }
    }),
  );
  for (const [i, plan] of plans.entries()) {
    const { recording, result } = recordings[i];
    jobs.push({ problem: p, plan, recording, result });
    if (!recording) continue;
    const { y } = p.call;
    const poison = new Uint8Array(y.bytes).fill(shape.add ? 0 : 255);
    gpu.device.queue.writeBuffer(y.buffer, 0, poison);
    recording.replay();
    jobs.at(-1)!.result = await p.error();
  }
}
console.log(`compiled and checked after ${((performance.now() - started) / 1000).toFixed(0)} s`);

await ceilings();
console.log('shape                    tile                                    us  expected  TFLOP/s  relative error');
for (const { problem, plan, recording, result } of jobs) {
  const { name, M, N, K } = problem.shape;
  const s = shapeOf(problem.call);
  const label = `${name.padEnd(24)} ${short(plan).padEnd(36)}`;
  if (!recording || left() < 2) {
    console.log(`${label} ${recording ? 'out of time' : result}`);
    continue;
  }
  const us = await timed(recording);
  const known = matrixPlans().find((p) => short(p) === short(plan));
  const expected = known ? (expectedClocks(s, known) / 1980).toFixed(1) : '';
  const taken = short(planMatrix(gpu.caps, s)!) === short(plan) ? '*' : ' ';
  console.log(
    `${label}${taken} ${us.toFixed(1).padStart(7)} ${expected.padStart(9)} ${((2 * M * N * K) / us / 1e6).toFixed(0).padStart(8)}  ${result}`,
  );
}
process.exit(0);
