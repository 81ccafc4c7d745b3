/**
 * Forms of the int4 X·Wᵀ for a few rows, checked and timed on weights that no cache holds:
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/vector.mjs [--seconds 74] [--only WORD]
 * A call after the other in one pass, each on the next of several weights, all into one y, so that each waits for the
 * one before, as the layers of a model do. Of a shape all is compiled before any is timed, and all are timed in turn, in
 * five rounds (experiment.ts): µs are the median of the rounds, ± is from the fastest round to the slowest.
 * Before each, f32 arithmetic keeps the GPU busy and says its clock. *: the plan of now.
 */

import { HELD, planName } from '../../kernels/linear/linear.candidates.ts';
import { heldFits, heldPlan } from '../../kernels/linear/linear.held.ts';
import { type Plan, plan, product } from '../../kernels/linear/linear.product.ts';
import { planStaged } from '../../kernels/linear/linear.skinny.ts';
import { type Linear, type LinearShape, shapeOf } from '../../kernels/linear/linear.types.ts';
import type { Q4Meta, Q4Weight } from '../../kernels/linear/weights.ts';
import { uniform } from '../../src/data/random.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { measureCopy } from '../../src/infer/measure.ts';
import { argument, compare, remaining } from './experiment.ts';

const left = remaining(74);
const only = argument('--only') ?? '';

const gpu = await Gpu.open();
const { software } = gpu.description;
console.log(`${gpu.description.description}, tier ${gpu.caps.tier}`);

interface Variant {
  name: string;
  /** Rows of x it is timed at. */
  rows: number;
  /** Undefined where it does not suit a shape. */
  plan(s: LinearShape): Plan | undefined;
}

const EPS16 = 2 ** -11;
/** Share of Σ |x| |w| that roundings of its sums are, beside f32's: arithmetic adds sixteen products in f16. */
const roundingOf = (p: Plan): number => (p.form === 'held' || p.form === 'skinny' ? 16 : 3) * EPS16;

/** Rows of x, in the order in which they are shown. */
const ROWS = [1, 2, 4];

const held = (...[MR, NR, workgroups, TURNS]: (typeof HELD)[number]): Variant => ({
  name: `held ${MR}x${NR} ${workgroups}${TURNS === 1 ? ' anew' : ''}`,
  rows: MR,
  plan: (s: LinearShape) => {
    const p = heldPlan(s, MR, NR, workgroups, TURNS);
    return heldFits(gpu.caps, s, p) ? p : undefined;
  },
});
const skinny = (rows: number): Variant => ({ name: 'skinny', rows, plan: (s) => planStaged(gpu.caps, s) });

/** What a tuning may choose; what lost is in results/h200/skinny.txt. The plan of now is timed if it is not one of these. */
const VARIANTS: Variant[] = ROWS.flatMap((M) => [
  skinny(M),
  ...HELD.filter(([MR]) => MR === M)
    .map((of) => held(...of))
    .filter(({ name }) => name.includes(only)),
]);

interface Shape {
  N: number;
  K: number;
  group: number;
  meta: Q4Meta;
}
const SHAPES: Shape[] = software
  ? [{ N: 68, K: 640, group: 32, meta: 'offset16' }]
  : [
      { N: 8192, K: 8192, group: 32, meta: 'offset16' },
      { N: 8192, K: 8192, group: 128, meta: 'offset16' },
      { N: 4096, K: 4096, group: 128, meta: 'offset16' },
      { N: 37888, K: 3584, group: 32, meta: 'offset16' },
      { N: 3584, K: 18944, group: 32, meta: 'offset16' },
      { N: 4608, K: 3584, group: 128, meta: 'offset16' },
      { N: 8192, K: 8192, group: 128, meta: 'zero16' },
    ];

const unit = uniform(0x2545f491);
const random = () => unit() * 2 ** 32;
/** Noise repeats after as many words, which no row's length divides. */
const NOISE = Uint32Array.from({ length: 1048573 }, random);
function noise(n: number, at: number): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(n);
  for (let i = 0; i < n; ) {
    const some = NOISE.subarray(at % NOISE.length, (at % NOISE.length) + n - i);
    out.set(some, i);
    i += some.length;
    at += some.length;
  }
  return out;
}

/** More than an H200's L2, 50 MB, holds. */
const COLD = software ? 1 : 160 * 2 ** 20;
const SAMPLES = 96;

class Problem {
  readonly s: Shape;
  readonly weights: Q4Weight[] = [];
  readonly X: Uint16Array<ArrayBuffer>;
  readonly words: Uint32Array;
  readonly params: Uint32Array;
  readonly x: Record<number, Tensor> = {};
  readonly y: Record<number, Tensor> = {};

  constructor(s: Shape) {
    this.s = s;
    const { N, K, group, meta } = s;
    const groups = K / group;
    const bytes = (N * K) / 2 + 4 * N * groups;
    const copies = Math.ceil(COLD / bytes) + 1;
    this.words = noise((N * K) / 8, 0);
    // w of about ±0.06.
    const pair = () =>
      toHalf(0.004 + 0.008 * unit()) +
      (meta === 'zero16' ? toHalf(6 + (random() % 5)) : toHalf(-0.06 - 0.03 * unit())) * 65536;
    const some = Uint32Array.from({ length: 65521 }, pair);
    this.params = Uint32Array.from({ length: N * groups }, (_, i) => some[i % 65521]);
    for (let i = 0; i < copies; i++) {
      const words = gpu.upload(
        'words',
        'u32',
        [N, K / 8],
        i === copies - 1 ? this.words : noise((N * K) / 8, 7919 * i),
      );
      const params = gpu.upload('params', 'u32', [N, groups], this.params);
      this.weights.push({ kind: 'q4', N, K, group, meta, words, params });
    }
    // Normal, with a few that are large, as activations are.
    const normal = () =>
      Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()) * (random() % 997 ? 1 : 40);
    this.X = Uint16Array.from({ length: Math.max(...ROWS) * K }, () => toHalf(normal()));
    for (const M of ROWS) {
      this.x[M] = gpu.upload('x', 'f16', [M, K], this.X.slice(0, M * K));
      this.y[M] = gpu.tensor('y', 'f16', [M, N]);
    }
  }

  bytes(M: number): number {
    const { N, K, group } = this.s;
    return (N * K) / 2 + (4 * N * K) / group + 2 * M * (N + K);
  }

  /** All calls, the last on the weight that is checked. */
  calls(M: number, rows: ReturnType<Gpu['dim']>): Linear[] {
    return this.weights.map((weight) => ({ x: this.x[M], weight, y: this.y[M], rows }));
  }

  #samples = new Map<number, { at: number; value: number; size: number; largest: number }[]>();
  samples(M: number) {
    const known = this.#samples.get(M);
    if (known) return known;
    const { N, K, group, meta } = this.s;
    const made = Array.from({ length: SAMPLES }, (_, i) => {
      const m = i < 4 ? M - 1 : random() % M;
      const n = i < 16 ? N - 1 - i : random() % N;
      let [value, size, largest] = [0, 0, 0];
      for (let k = 0; k < K; k++) {
        const p = this.params[n * (K / group) + Math.floor(k / group)];
        const [a, b] = [fromHalf(p & 65535), fromHalf(p >>> 16)];
        const q = (this.words[(n * K + k) >>> 3] >>> (4 * (k % 8))) & 15;
        const w = meta === 'zero16' ? a * (q - b) : a * q + b;
        const v = fromHalf(this.X[m * K + k]);
        value += v * w;
        size += (v * w) ** 2;
        largest += Math.abs(v) * (Math.abs(w) + 8 * Math.abs(a));
      }
      return { at: m * N + n, value, size: Math.sqrt(size), largest };
    });
    this.#samples.set(M, made);
    return made;
  }

  /**
   * What is not finite of all of y; the largest error of a sample as a share of what may be: every rounding at its worst.
   * And the errors' root mean square as a share of √Σ (x w)², by which they can be compared: f16 y's own is 1.4e-4 or so.
   */
  async error(M: number, rounding: number): Promise<string> {
    const got = await gpu.read(this.y[M], M * this.s.N);
    let bad = 0;
    for (const h of got as Uint16Array) if ((h & 0x7c00) === 0x7c00) bad++;
    let [worst, off, all] = [0, 0, 0];
    for (const { at, value, size, largest } of this.samples(M)) {
      const error = Math.abs(fromHalf(got[at]) - value);
      const allowed = (rounding + this.s.K * 2 ** -24) * largest + EPS16 * Math.abs(value) + 2 ** -25;
      worst = Math.max(worst, error / allowed);
      off += error ** 2;
      all += size ** 2;
    }
    // Roundings do not all point one way: in a chain of c / 2^-11 products they add up as their root does.
    const rms = Math.sqrt(off / all);
    const likely = EPS16 * (3 + Math.sqrt((2 * rounding) / EPS16));
    const wrong = bad ? `${bad} NOT FINITE ` : worst > 1 || !(rms < likely) ? 'WRONG ' : '';
    return `${wrong}${rms.toExponential(1)} (${worst.toFixed(3)} of allowed)`;
  }

  free(): void {
    gpu.free(...this.weights.flatMap((w) => [w.words, w.params]), ...Object.values(this.x), ...Object.values(this.y));
  }
}

const { bytes: copy } = await measureCopy(gpu);
console.log(`copy rate ${(copy / 1e12).toFixed(2)} TB/s, read and written`);

interface Keeper {
  recording: Recording;
  /** MHz, if it takes so many nanoseconds. */
  clock(ns: number): number;
}

/** Multiplications and additions in f32, of which a processor has 128 a clock, eight of them at a time in each thread. */
async function multiplications(): Promise<Keeper> {
  const [LOOPS, WG, PROCESSORS] = software ? [1, 32, 1] : [1024, 512, 132];
  const workgroups = 2 * PROCESSORS;
  const numbers = gpu.upload('numbers', 'f32', [4], Float32Array.of(0.5, 1, 2, 3));
  const out = gpu.tensor('out', 'f32', [workgroups * WG]);
  const a = Array.from({ length: 8 }, (_, i) => `a${i}`);
  const code = `@group(0) @binding(0) var<storage, read> numbers: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(${WG})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let b = numbers[0];
  let c = numbers[2];
  ${a.map((v, i) => `var ${v} = numbers[1] + f32(${i}u * id.x);`).join('\n  ')}
  for (var k = 0u; k < ${LOOPS}u; k++) {
    ${a.map(() => a.map((v) => `${v} = fma(${v}, b, c);`).join(' ')).join('\n    ')}
  }
  out[id.x] = ${a.join(' + ')};
}`;
  const r = new Recorder(gpu);
  r.dispatch({ label: 'fma f32', code, bindings: [numbers, out], grid: [workgroups] });
  const clocks = (64 * LOOPS * WG * workgroups) / 128 / PROCESSORS;
  return { recording: await r.finish(), clock: (ns) => (1e3 * clocks) / ns };
}
const keeper = await multiplications();
console.log(`# ${left().toFixed(1)} s left`);

interface Job {
  M: number;
  name: string;
  recording: Recording;
  error: string;
}

for (const shape of SHAPES) {
  if (left() < 11) {
    console.log(`no time left from ${shape.N}x${shape.K} g${shape.group} ${shape.meta} on`);
    break;
  }
  const p = new Problem(shape);
  const about = `${shape.N}x${shape.K} g${shape.group} ${shape.meta}`;
  const began = performance.now();
  const chosen = ROWS.flatMap((M) => {
    const calls = p.calls(M, gpu.dim('rows', M));
    const s = shapeOf(calls[0]);
    const now = plan(gpu.caps, s);
    const variants = VARIANTS.filter((v) => v.rows === M).map((v) => ({ ...v, M, calls, made: v.plan(s) }));
    const same = (a: Plan, b?: Plan) => JSON.stringify(a) === JSON.stringify(b);
    const all = variants.filter(({ name, made }, i) => {
      if (!made) console.log(`${about} M=${M} ${name}: does not fit`);
      return made && !variants.slice(0, i).some((v) => same(made, v.made));
    });
    if (!all.some((v) => same(now, v.made)))
      all.unshift({ name: planName(now), rows: M, plan: () => now, M, calls, made: now });
    return all.map((v) => ({ ...v, made: v.made!, name: `${same(now, v.made) ? '*' : ' '} ${v.name}` }));
  });
  const made = await Promise.all(
    chosen.map(async ({ name, M, calls, made }) => {
      const r = new Recorder(gpu);
      for (const call of calls) product(r, call, 'linear', made);
      try {
        return await r.finish();
      } catch (error) {
        console.log(`${about} M=${M} ${name}: ${(error as Error).message.slice(0, 200)}`);
      }
    }),
  );
  const jobs: Job[] = [];
  for (const [i, recording] of made.entries()) {
    if (!recording) continue;
    const { M, name, made: of } = chosen[i];
    gpu.write(p.y[M], new Uint8Array(p.y[M].bytes).fill(0xff));
    recording.replay();
    jobs.push({ M, name, recording, error: await p.error(M, roundingOf(of)) });
  }
  console.log(
    `# ${about}: ${jobs.length} compiled and checked in ${((performance.now() - began) / 1000).toFixed(1)} s`,
  );
  if (left() < 3) break;
  const times = await compare(
    jobs.map(({ recording }) => recording),
    { keeper: keeper.recording, rounds: software ? 1 : 5 },
  );
  const kept = times[jobs.length];
  console.log(
    `# clock ${keeper.clock(kept.ns).toFixed(0)} MHz ±${(100 * kept.spread).toFixed(1)}% by f32's fma, between them`,
  );
  for (const [i, { M, name, recording, error }] of jobs.entries()) {
    const us = times[i].ns / 1e3 / p.weights.length;
    const rate = p.bytes(M) / us / 1e3;
    console.log(
      `${about.padEnd(24)} M=${M} ${name.padEnd(34)} ${us.toFixed(2).padStart(6)} us ±${(100 * times[i].spread).toFixed(1)}% ${rate.toFixed(0).padStart(5)} GB/s ${((100e9 * rate) / copy).toFixed(0).padStart(3)}% of copy  error ${error}`,
    );
    recording.free();
  }
  p.free();
  console.log(`# ${left().toFixed(1)} s left`);
}
process.exit(0);
