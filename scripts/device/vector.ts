/**
 * Forms of the int4 X·Wᵀ for a few rows, checked and timed on weights that no cache holds:
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/vector.mjs [--seconds 70] [--only WORD]
 * A call after the other in one pass, each on the next of several weights, all into one y, so that each waits for the
 * one before, as the layers of a model do.
 */

import { planName } from '../../kernels/linear/linear.candidates.ts';
import { type HeldPlan, heldFits, heldPlan } from '../../kernels/linear/linear.held.ts';
import { type Plan, plan, product } from '../../kernels/linear/linear.product.ts';
import { planStaged } from '../../kernels/linear/linear.skinny.ts';
import { type Linear, type LinearShape, shapeOf } from '../../kernels/linear/linear.types.ts';
import type { Q4Meta, Q4Weight } from '../../kernels/linear/weights.ts';
import { time } from '../../src/bench.ts';
import { uniform } from '../../src/data/random.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { measureCopy } from '../../src/infer/measure.ts';
import { argument, remaining, warm } from './experiment.ts';

const left = remaining(70);
const only = argument('--only') ?? '';

const gpu = await Gpu.open();
const { software } = gpu.description;
console.log(`${gpu.description.description}, tier ${gpu.caps.tier}`);

interface Variant {
  name: string;
  /** Rows of x it is timed at. */
  rows: readonly number[];
  /** Undefined where it does not suit a shape. */
  plan(s: LinearShape): Plan | undefined;
  /** Timed though another of the same plan is. */
  again?: boolean;
  /** What is made of the plan's text. */
  text?(code: string): string;
}

const EPS16 = 2 ** -11;
/** Share of Σ |x| |w| that roundings of its sums are, beside f32's: arithmetic adds sixteen products in f16. */
const roundingOf = (p: Plan): number => (p.form === 'held' || p.form === 'skinny' ? 16 : 3) * EPS16;

/** Rows of x, in the order in which they are timed. */
const ROWS = [1, 4, 2, 3];

type Held = [MR: HeldPlan['MR'], NR: number, workgroups: number, TURNS: HeldPlan['TURNS'], PARTS?: number];
/** Three rows are four of which one repeats another. */
const held = (rows: readonly number[], all: Held[]): Variant[] =>
  all.map(([MR, NR, workgroups, TURNS, PARTS]) => ({
    name: `held ${MR}x${NR} ${workgroups}${TURNS === 1 ? ' anew' : ''}${PARTS ? ` in ${PARTS} parts` : ''}`,
    rows,
    plan: (s: LinearShape) => {
      const p = heldPlan(s, MR, NR, workgroups, TURNS, PARTS);
      return heldFits(gpu.caps, s, p) ? p : undefined;
    },
  }));
/** How linear.skinny.wgsl staged x when 8192² took 14.6 and 13.9 µs, not 18.2 and 19.7: the same operations, no array between. */
const before = (code: string): string => {
  const text = code.replace(
    /let made = chunk\([^;]*;[\s\S]*?info\[u\] = made\.about;/,
    `let v0 = eight(x[start]);
    let v1 = eight(x[start + 1u]);
    let v2 = eight(x[start + 2u]);
    let v3 = eight(x[start + 3u]);
    let e = max(bitcast<u32>(max(max(largest(v0), largest(v1)), max(largest(v2), largest(v3)))) >> 23u, 103u);
    let down = bitcast<f32>((261u - e) << 23u);
    xs[at] = paired(v0, down);
    xs[at + CT] = paired(v1, down);
    xs[at + 2u * CT] = paired(v2, down);
    xs[at + 3u * CT] = paired(v3, down);
    let sum = v0.low + v0.high + v1.low + v1.high + v2.low + v2.high + v3.low + v3.high;
    info[u] = vec2(dot(sum, vec4(1.0)), bitcast<f32>((e - 7u) << 23u));`,
  );
  if (text === code) throw new Error('linear.skinny.wgsl stages x in another way');
  return text;
};
const staged = (s: LinearShape): Plan | undefined => planStaged(gpu.caps, s);

/** The most promising first. What lost before is in results/h200/skinny.txt. */
const VARIANTS: Variant[] = [
  { name: 'now', rows: ROWS, plan: (s: LinearShape) => plan(gpu.caps, s), again: true },
  { name: 'skinny', rows: ROWS, plan: staged },
  { name: 'skinny, x staged as before', rows: [1], plan: staged, again: true, text: before },
  ...held(
    [1],
    [
      [1, 8, 528, 2],
      [1, 8, 1056, 2],
      [1, 8, 528, 1],
      [1, 8, 1056, 1],
      [1, 16, 264, 2],
      [1, 16, 528, 2],
      [1, 16, 528, 1],
      [1, 4, 528, 2],
      [1, 4, 1056, 2],
      [1, 4, 1056, 1],
      [1, 8, 264, 2],
      [1, 16, 1056, 2],
      [1, 4, 264, 2],
    ],
  ),
  ...held(
    [4],
    [
      [4, 4, 528, 1],
      [4, 4, 264, 1],
      [4, 8, 264, 1],
      [4, 8, 528, 1],
      [4, 8, 528, 2],
      [4, 8, 264, 2],
      [4, 4, 528, 2],
      [4, 4, 264, 2],
      [4, 8, 528, 1, 2],
      [4, 8, 264, 1, 2],
      [4, 4, 528, 1, 2],
      [4, 4, 1056, 1],
      [4, 8, 1056, 1],
      [4, 8, 1056, 2],
      [4, 4, 1056, 2],
      [4, 2, 264, 2],
      [4, 2, 528, 2],
      [4, 2, 1056, 2],
    ],
  ),
  ...held(
    [2],
    [
      [2, 8, 528, 2],
      [2, 8, 528, 1],
      [2, 8, 264, 2],
      [2, 8, 264, 1],
      [2, 8, 1056, 2],
      [2, 4, 528, 2],
      [2, 4, 528, 1],
      [2, 4, 1056, 2],
      [2, 4, 1056, 1],
      [2, 4, 264, 2],
    ],
  ),
  ...held(
    [3],
    [
      [4, 4, 528, 1],
      [4, 8, 264, 1],
      [4, 8, 528, 2],
    ],
  ),
  // Whether times have changed meanwhile.
  { name: 'skinny again', rows: [1], plan: staged, again: true },
].filter((v) => /now|skinny/.test(v.name) || v.name.includes(only));

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
      { N: 8192, K: 8192, group: 128, meta: 'zero16' },
      { N: 4096, K: 4096, group: 128, meta: 'offset16' },
      { N: 37888, K: 3584, group: 32, meta: 'offset16' },
      { N: 3584, K: 18944, group: 32, meta: 'zero16' },
      { N: 4608, K: 3584, group: 128, meta: 'zero16' },
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

interface Job {
  M: number;
  name: string;
  recording: Recording;
  error: string;
}

for (const shape of SHAPES) {
  if (left() < 6) break;
  const p = new Problem(shape);
  const about = `${shape.N}x${shape.K} g${shape.group} ${shape.meta}`;
  const jobs: Job[] = [];
  for (const M of ROWS) {
    const calls = p.calls(M, gpu.dim('rows', M));
    const s = shapeOf(calls[0]);
    const known = new Set<string>();
    const chosen: { v: Variant; plan: Plan }[] = [];
    for (const v of VARIANTS.filter((v) => v.rows.includes(M))) {
      const plan = v.plan(s);
      const text = JSON.stringify(plan);
      if (!plan) console.log(`${about} M=${M} ${v.name}: does not fit`);
      else if (v.again || !known.has(text)) {
        chosen.push({ v, plan });
        if (!v.again) known.add(text);
      }
    }
    const made = await Promise.all(
      chosen.map(async ({ v, plan }): Promise<Job | undefined> => {
        const r = new Recorder(gpu);
        for (const call of calls) product(r, call, 'linear', plan);
        try {
          if (v.text) for (const d of r.dispatches) d.code = v.text(d.code);
          const recording = await r.finish();
          return { M, name: `${v.name}${v.name === 'now' ? ` (${planName(plan)})` : ''}`, recording, error: '' };
        } catch (error) {
          console.log(`${about} M=${M} ${v.name}: ${(error as Error).message.slice(0, 200)}`);
        }
      }),
    );
    for (const [i, job] of made.entries()) {
      if (!job) continue;
      gpu.write(p.y[M], new Uint8Array(p.y[M].bytes).fill(0xff));
      job.recording.replay();
      job.error = await p.error(M, roundingOf(chosen[i].plan));
      jobs.push(job);
    }
  }
  if (jobs.length) await warm(jobs[0].recording);
  let late = 0;
  for (const { M, name, recording, error } of jobs) {
    if (left() < 0) {
      late++;
      continue;
    }
    const { ns, spread } = await time(recording, { warmMs: software ? 0 : 20 });
    const us = ns / 1e3 / p.weights.length;
    const rate = p.bytes(M) / us / 1e3;
    console.log(
      `${about.padEnd(25)} M=${`${M}`.padEnd(2)} ${name.padEnd(40)} ${us.toFixed(2).padStart(7)} us ±${(100 * spread).toFixed(1)}% ${rate.toFixed(0).padStart(5)} GB/s ${((100e9 * rate) / copy).toFixed(0).padStart(3)}% of copy  error ${error}`,
    );
  }
  if (late) console.log(`${about}: no time left for ${late} of ${jobs.length}`);
  for (const { recording } of jobs) recording.free();
  p.free();
  console.log(`# ${left().toFixed(1)} s left`);
}
process.exit(0);
