/**
 * Forms of the int4 X·Wᵀ on subgroup matrices, checked and timed (gemm.plans.ts says which):
 *   npx vite build --config scripts/device/gemm.vite.config.ts, then on the GPU machine:
 *   node gemm.mjs [--seconds 85] [--only WORD]
 * All are compiled and checked before any is timed, so that nothing lets the GPU idle, and its clock drop, in between.
 * Then the best on other shapes, and the best with parts left out.
 */

import {
  type DirectPlan,
  directFits,
  type Made,
  type Part,
  recordDirect,
  recordMade,
} from '../../kernels/linear/linear.direct.ts';
import { matrixFits, recordMatrix } from '../../kernels/linear/linear.matrix.ts';
import { type Linear, shapeOf } from '../../kernels/linear/linear.types.ts';
import type { Q4Meta } from '../../kernels/linear/weights.ts';
import { matrixRate } from '../../src/bench_ceilings.ts';
import { uniform } from '../../src/data/random.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { DIRECT, NOW } from './gemm.plans.ts';

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

const q4: [Q4Meta, number] = ['offset16', 32];
const SQUARE: Shape = { name: '4096^3', M: 4096, N: 4096, K: 4096, q4 };
/** Qwen2.5-7B. */
const OTHERS: Shape[] = [
  { name: '7B gate, up', M: 5888, N: 37888, K: 3584, q4 },
  { name: '7B down', M: 5888, N: 3584, K: 18944, q4, add: true },
];

const argument = (name: string) => process.argv.find((_, i) => process.argv[i - 1] === name);
const seconds = Number(argument('--seconds') ?? 85);
const only = argument('--only') ?? '';
const started = performance.now();
const left = () => seconds - (performance.now() - started) / 1000;

const gpu = await Gpu.open();
console.log(
  `${gpu.description.description}, tier ${gpu.caps.tier}, ${gpu.caps.maxWorkgroupStorage} bytes of workgroup memory`,
);

const unit = uniform(0x2545f491);
const random = () => unit() * 2 ** 32;
/** Numbers repeat after as many, which no row's length divides: making more takes longer than the kernels run. */
const PERIOD = 1048573;
/** Halves in [-1, 1). */
const halfOf = Uint16Array.from({ length: 65536 }, () => toHalf(random() / 2 ** 31 - 1));
function halves(n: number): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(n);
  const own = Math.min(n, PERIOD);
  for (let i = 0; i < own; i++) out[i] = halfOf[random() & 65535];
  for (let at = own; at < n; at *= 2) out.copyWithin(at, 0, Math.min(at, n - at));
  return out;
}
function bits(n: number): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(n);
  const own = Math.min(n, PERIOD);
  for (let i = 0; i < own; i++) out[i] = random();
  for (let at = own; at < n; at *= 2) out.copyWithin(at, 0, Math.min(at, n - at));
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
  const words = shape.q4 ? bits((N * K) / 8) : undefined;
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

/** Microseconds a call, median of 11 samples of at least 2 ms, warm because called back to back. */
async function timed(recording: Recording): Promise<number> {
  const repeats = Math.max(1, Math.round(2e6 / (await recording.time(1))));
  const end = performance.now() + 25;
  while (performance.now() < end) await recording.time(repeats);
  const ns: number[] = [];
  for (let i = 0; i < 11; i++) ns.push(await recording.time(repeats));
  return ns.sort((a, b) => a - b)[5] / 1e3;
}

interface Variant {
  name: string;
  fits(call: Linear): boolean;
  record(r: Recorder, call: Linear, made: Made): void;
  plan?: DirectPlan;
}

const now: Variant = {
  name: '128x128x64, now',
  fits: (call) => matrixFits(gpu.caps, shapeOf(call), NOW),
  record: (r, call) => recordMatrix(r, call, NOW),
};
const directVariant = ([name, plan]: [string, DirectPlan]): Variant => ({
  name,
  plan,
  fits: (call) => directFits(gpu.caps, shapeOf(call), plan),
  record: (r, call, made) => recordDirect(r, call, plan, made),
});
const all = [now, ...DIRECT.map(directVariant)].filter((v) => v === now || v.name.includes(only));

/** x in tiles, W as f16 in rows, in tiles: made for a problem's variants, and what making one takes. */
async function makeFor(p: Problem, variants: Variant[]): Promise<Map<string, Tensor>> {
  const { x, weight } = p.call;
  const out = new Map<string, Tensor>();
  for (const name of ['x tiles', 'w rows', 'w tiles']) {
    const wanted = variants.some(({ plan }) => plan && [madeX(plan), madeW(plan)].includes(name));
    if (!wanted) continue;
    const what = name[0] as 'x' | 'w';
    const to = gpu.tensor(name, 'f16', what === 'x' ? x.shape : [weight.N, weight.K]);
    const r = new Recorder(gpu);
    recordMade(r, p.call, what, name.endsWith('tiles'), to);
    const recording = await r.finish();
    recording.replay();
    console.log(`${p.shape.name.padEnd(12)} making ${name}: ${(await timed(recording)).toFixed(1)} us`);
    recording.free();
    out.set(name, to);
  }
  return out;
}
const madeX = (p: DirectPlan) => (p.x === 'tiles' ? 'x tiles' : '');
const madeW = (p: DirectPlan) => (p.w === 'q4' ? '' : p.w === 'f16 tiles' ? 'w tiles' : 'w rows');

const POISON = `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  for (var i = wg.x * 256u + t; i < arrayLength(&y); i += groups.x * 256u) { y[i] = 0xffffffffu; }
}`;

/** Warm for half a second, with the form of now. */
async function warm(recording: Recording, ms = 500): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) await recording.time(8);
}

interface Job {
  variant: Variant;
  recording: Recording;
  result: string;
  compiled: number;
}

/** Compiles, checks (unless parts are left out), then times and prints each; fastest right ones first in what it returns. */
async function compare(p: Problem, variants: Variant[]): Promise<{ variant: Variant; us: number }[]> {
  const { name, M, N, K } = p.shape;
  const { y } = p.call;
  const r = new Recorder(gpu);
  r.dispatch({ label: 'poison', code: POISON, bindings: [y], grid: [2048] });
  const poison = await r.finish();
  const made = await makeFor(p, variants);
  const jobs: Job[] = [];
  await Promise.all(
    variants.map(async (variant) => {
      if (!variant.fits(p.call)) return console.log(`${name.padEnd(12)} ${variant.name}: does not fit`);
      const r = new Recorder(gpu);
      const { plan } = variant;
      variant.record(r, p.call, plan ? { x: made.get(madeX(plan)), w: made.get(madeW(plan)) } : {});
      const before = performance.now();
      try {
        const recording = await r.finish();
        jobs.push({ variant, recording, result: '', compiled: performance.now() - before });
      } catch (error) {
        console.log(`${name.padEnd(12)} ${variant.name}: ${(error as Error).message.slice(0, 200)}`);
      }
    }),
  );
  jobs.sort((a, b) => variants.indexOf(a.variant) - variants.indexOf(b.variant));
  if (!jobs.length) return [];
  console.log(`# ${name}: compiled after ${((performance.now() - started) / 1000).toFixed(1)} s`);
  for (const job of jobs) {
    if (job.variant.plan?.without) {
      job.result = 'not checked';
      continue;
    }
    if (p.shape.add) gpu.clear(y);
    else poison.replay();
    job.recording.replay();
    job.result = await p.error();
  }
  await warm(jobs[0].recording);
  const times: { variant: Variant; us: number }[] = [];
  for (const { variant, recording, result, compiled } of jobs) {
    if (left() < 1) {
      console.log(`${name} ${variant.name}: out of time`);
      continue;
    }
    const us = await timed(recording);
    const rate = (2 * M * N * K) / us / 1e6;
    console.log(
      `${name.padEnd(12)} ${variant.name.padEnd(48)} ${us.toFixed(1).padStart(8)} us ${rate.toFixed(0).padStart(4)} TFLOP/s  error ${result}  ${compiled.toFixed(0)} ms to compile`,
    );
    if (!result.includes('NOT') && Number(result) < 1e-3) times.push({ variant, us });
    recording.free();
  }
  gpu.free(...made.values());
  return times.sort((a, b) => a.us - b.us);
}

// --compile NAME: nothing but the pipeline, for a look at what the driver keeps in its cache.
const compile = argument('--compile');
if (compile) {
  const { M, N, K } = SQUARE;
  const call: Linear = {
    x: gpu.tensor('x', 'f16', [M, K]),
    weight: {
      kind: 'q4',
      N,
      K,
      group: 32,
      meta: 'offset16',
      words: gpu.tensor('words', 'u32', [N, K / 8]),
      params: gpu.tensor('params', 'u32', [(N * K) / 32]),
    },
    y: gpu.tensor('y', 'f16', [M, N]),
    rows: gpu.dim('rows', M),
  };
  const r = new Recorder(gpu);
  all
    .find((v) => v.name === compile)!
    .record(r, call, { x: gpu.tensor('x tiles', 'f16', [M, K]), w: gpu.tensor('w', 'f16', [N, K]) });
  await r.finish();
  process.exit(0);
}

const square = await problem(SQUARE);
console.log(`# data after ${((performance.now() - started) / 1000).toFixed(1)} s`);
// In two parts: what a driver makes of the second must not cost the first.
const half = Math.ceil(all.length / 2);
const ranked = [...(await compare(square, all.slice(0, half))), ...(await compare(square, all.slice(half)))];
ranked.sort((a, b) => a.us - b.us);
console.log(
  `multiply-accumulate alone: ${((await matrixRate(gpu, { effort: { samples: 7, sampleMs: 3 } })) / 1e12).toFixed(0)} TFLOP/s`,
);

// The best two, and the best that needs nothing made before.
const others = ranked.filter((r) => r.variant !== now).map((r) => r.variant);
const plain = others.find(({ plan }) => plan!.w === 'q4' && plan!.x !== 'tiles');
const few = [now, ...new Set([...others.slice(0, 2), ...(plain ? [plain] : [])])];
for (const shape of OTHERS) {
  if (left() < 10) {
    console.log(`${shape.name}: out of time`);
    continue;
  }
  const p = await problem(shape);
  await compare(p, few);
  const { weight } = p.call;
  gpu.free(p.call.x, p.call.y, ...(weight.kind === 'q4' ? [weight.words, weight.params] : []));
}

// What the best of each kind costs without some of its parts.
const PARTS: Part[][] = [
  ['x'],
  ['unpack'],
  ['words'],
  ['store'],
  ['barriers'],
  ['x', 'unpack'],
  ['words', 'unpack', 'store'],
  ['x', 'words', 'unpack', 'store'],
];
const kinds = [plain, others.find(({ plan }) => plan!.w === 'q4' && plan!.x === 'tiles')];
for (const best of kinds) {
  if (!best?.plan || best.plan.words || left() < 3) continue;
  await compare(
    square,
    PARTS.map((without) => directVariant([`${best.name} -${without.join('-')}`, { ...best.plan!, without }])),
  );
}
process.exit(0);
