/**
 * Forms of the int4 X·Wᵀ for a few rows, checked and timed on weights that no cache holds:
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/vector.mjs [--seconds 45] [--only WORD]
 * A call after the other in one pass, each on the next of several weights, all into one y, so that each waits for the
 * one before, as the layers of a model do.
 */

import { type HeldPlan, heldFits, heldPlan, recordHeld } from '../../kernels/linear/linear.held.ts';
import { product } from '../../kernels/linear/linear.product.ts';
import { type Linear, shapeOf } from '../../kernels/linear/linear.types.ts';
import type { Q4Meta, Q4Weight } from '../../kernels/linear/weights.ts';
import { time } from '../../src/bench.ts';
import { uniform } from '../../src/data/random.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { measureCopy } from '../../src/infer/measure.ts';
import { argument, remaining, warm } from './experiment.ts';

const left = remaining(45);
const only = argument('--only') ?? '';

const gpu = await Gpu.open();
const { software } = gpu.description;
console.log(`${gpu.description.description}, tier ${gpu.caps.tier}`);

interface Variant {
  name: string;
  /** Rows of x it is timed at. */
  rows: readonly number[];
  fits(call: Linear): boolean;
  record(r: Recorder, call: Linear): void;
  /** Share of Σ |x| |w| that one rounding of its sums is, beside f32's. */
  rounding: number;
}

const EPS16 = 2 ** -11;
/** Rows of x. */
const ROWS = [1, 2, 4, 16];

function held(MR: HeldPlan['MR'], NR: number, workgroups: number): Variant {
  const plan = (call: Linear) => heldPlan(shapeOf(call), MR, NR, workgroups);
  return {
    name: `held ${MR}x${NR} ${workgroups}`,
    rows: [MR],
    fits: (call) => heldFits(gpu.caps, shapeOf(call), plan(call)),
    record: (r, call) => recordHeld(r, call, plan(call)),
    rounding: 16 * EPS16,
  };
}
const NOW: Variant = {
  name: 'now',
  rows: ROWS,
  fits: () => true,
  record: (r, call) => product(r, call),
  rounding: 3 * EPS16,
};
/** What lost before is in results/h200/skinny.txt. */
const VARIANTS: Variant[] = [
  NOW,
  held(1, 4, 132),
  held(1, 8, 132),
  held(1, 8, 264),
  held(1, 8, 528),
  held(1, 16, 132),
  held(1, 16, 264),
  held(2, 8, 132),
  held(4, 2, 132),
  held(4, 4, 132),
  held(4, 4, 264),
  held(4, 8, 132),
  held(4, 8, 264),
].filter((v) => v === NOW || v.name.includes(only));

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
      { N: 4096, K: 4096, group: 128, meta: 'offset16' },
      { N: 8192, K: 8192, group: 128, meta: 'zero16' },
      { N: 4608, K: 3584, group: 128, meta: 'zero16' },
      { N: 37888, K: 3584, group: 32, meta: 'offset16' },
      { N: 3584, K: 18944, group: 32, meta: 'zero16' },
      { N: 4096, K: 4096, group: 32, meta: 'offset16' },
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

for (const shape of SHAPES) {
  if (left() < 4) break;
  const p = new Problem(shape);
  const name = `${shape.N}x${shape.K} g${shape.group} ${shape.meta}`;
  for (const M of ROWS) {
    if (left() < 2) break;
    const variants = VARIANTS.filter((v) => v.rows.includes(M));
    const rows = gpu.dim('rows', M);
    const calls = p.calls(M, rows);
    const jobs: { v: Variant; recording: Recording; error: string }[] = [];
    await Promise.all(
      variants.map(async (v) => {
        if (!v.fits(calls[0])) return console.log(`${name} M=${M} ${v.name}: does not fit`);
        const r = new Recorder(gpu);
        for (const call of calls) v.record(r, call);
        try {
          jobs.push({ v, recording: await r.finish(), error: '' });
        } catch (error) {
          console.log(`${name} M=${M} ${v.name}: ${(error as Error).message.slice(0, 200)}`);
        }
      }),
    );
    jobs.sort((a, b) => variants.indexOf(a.v) - variants.indexOf(b.v));
    for (const job of jobs) {
      const poison = new Uint8Array(p.y[M].bytes).fill(0xff);
      gpu.write(p.y[M], poison);
      job.recording.replay();
      job.error = await p.error(M, job.v.rounding);
    }
    if (jobs.length) await warm(jobs[0].recording);
    for (const { v, recording, error } of jobs) {
      if (left() < 0) {
        console.log(`${name} M=${M} ${v.name}: out of time`);
        continue;
      }
      const { ns, spread } = await time(recording, { warmMs: software ? 0 : 20 });
      const us = ns / 1e3 / calls.length;
      const rate = p.bytes(M) / us / 1e3;
      console.log(
        `${name.padEnd(25)} M=${`${M}`.padEnd(2)} ${v.name.padEnd(34)} ${us.toFixed(2).padStart(7)} us ±${(100 * spread).toFixed(1)}% ${rate.toFixed(0).padStart(5)} GB/s ${((100e9 * rate) / copy).toFixed(0).padStart(3)}% of copy  error ${error}`,
      );
    }
    for (const { recording } of jobs) recording.free();
  }
  p.free();
  console.log(`# ${left().toFixed(1)} s left`);
}
process.exit(0);
