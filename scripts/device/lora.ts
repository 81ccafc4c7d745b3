/**
 * What an adapter of rank 32, dropout .05, adds to an int4 linear of Qwen2.5 at 5,888 tokens, by how H = d(x) Aᵀ is made, checked
 * and timed in turn (experiment.ts):
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/lora.mjs [--seconds 120] [--only WORD]
 * WORD is part of a layer's name: 0.5B, qkv. A line each for the linear alone, with an adapter as it was (gemm.matrix.wgsl, its spans' sum,
 * H and x made into tiles apart), by the plan of now (*), and by other plans of kernels/lora/down.ts; and for what H takes
 * by itself. H is kept, as for a backward pass that does not make it again. Errors are of what is allowed, y's and H's. Of a layer all is
 * compiled before any is timed. µs are the median of five rounds, ± is from the fastest to the slowest.
 */
import { keep, threshold } from '../../kernels/dropout/mask.ts';
import { gemmShape, planGemm, recordGemm } from '../../kernels/linear/gemm.matrix.ts';
import { planFor, product, tallSuits } from '../../kernels/linear/linear.product.ts';
import { recordTall, TALL, type TallPlan } from '../../kernels/linear/linear.tall.ts';
import { linear } from '../../kernels/linear/linear.ts';
import { type Linear, shapeOf } from '../../kernels/linear/linear.types.ts';
import { tileScratch, tiles } from '../../kernels/linear/tiles.ts';
import { type DownPlan, downFits, downShape, planDown, recordDown } from '../../kernels/lora/down.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import { fill } from '../../src/tuning/operands.ts';
import { Noise, places, Q4Noise, worst } from '../../test/bench_data.ts';
import { emulate } from '../../test/matrix_gpus.ts';
import { EPS } from '../../test/numeric.ts';
import { atOnceBeside } from './adapters.tiles.ts';
import { argument, compare, remaining } from './experiment.ts';

const left = remaining(120);
const only = argument('--only') ?? '';
const RANK = 32;
const DROPOUT = 0.05;
const SCALE = 2;
const SITE = 3;
const KEY = [11, 12] as const;
const STEP = 5;

process.env.GALLIVM_PERF ??= 'nopt';
const gpu = await Gpu.open();
const { software } = gpu.description;
// A software driver plays the matrices, so that what a GPU is to run has been run before.
if (software) emulate(gpu);
if (!gpu.caps.matrix) throw new Error('this GPU has no subgroup matrices: there is nothing to compare');
console.log(`${gpu.description.description}, tier ${gpu.caps.tier}${software ? ', matrices emulated' : ''}`);

/** A layer's inputs, and outputs by adapter. */
const LAYERS: [name: string, K: number, widths: number[]][] = software
  ? [
      ['small qkv', 128, [128, 64, 64]],
      ['small o', 192, [128]],
    ]
  : [
      ['0.5B qkv', 896, [896, 128, 128]],
      ['0.5B o', 896, [896]],
      ['0.5B gate, up', 896, [4864, 4864]],
      ['0.5B down', 4864, [896]],
      ['7B qkv', 3584, [3584, 512, 512]],
      ['7B o', 3584, [3584]],
    ];
const M = software ? 75 : 5888;
const TALLER: TallPlan = software ? { form: 'tall', BM: 64, BN: 64, WM: 16, WN: 64, GROUP_M: 4, AHEAD: 3 } : TALL;

const nameOf = (p: DownPlan): string => `${p.BM} rows x ${p.BK}, ${p.COLS}x${p.SLICES} subgroups`;

interface Job {
  name: string;
  record: (r: Recorder) => void;
  /** What it makes, to be checked. */
  makes: ('y' | 'H')[];
  update?: boolean;
  recording?: Recording;
  dispatches?: number;
  error?: string;
}

function problem(K: number, widths: number[]) {
  const N = widths.reduce((a, b) => a + b);
  const ranks = RANK * widths.length;
  const group = K % 128 ? 32 : 128;
  const x = new Noise(1, M * K, 'f16');
  const A = new Noise(2, ranks * K, 'f32', K ** -0.5);
  const B = new Noise(3, N * RANK, 'f32');
  const W = new Q4Noise(N, K, group);
  const weight = W.weight(gpu);
  const y = gpu.tensor('y', 'f16', [M, N]);
  const H = gpu.tensor('H', 'f32', [M, ranks]);
  const matrices = { A: A.tensor(gpu, 'A', [ranks, K]), B: B.tensor(gpu, 'B', [N, RANK]) };
  const lora = { r: RANK, scale: SCALE, ...matrices, widths: widths.length > 1 ? widths : undefined };
  const plain: Linear = { x: x.tensor(gpu, 'x', [M, K]), weight, y, rows: gpu.dim('rows', M) };
  const dropout = { p: DROPOUT, site: SITE, state: gpu.dim('state', ...KEY, STEP) };

  const drop = threshold(DROPOUT);
  const seen = (i: number) => (keep(KEY, STEP, SITE, i, drop) ? x.at(i) / (1 - DROPOUT) : 0);
  /** H[m, j] and the sum of its terms' sizes. */
  const down = (m: number, j: number): [value: number, size: number] => {
    let [value, size] = [0, 0];
    for (let k = 0; k < K; k++) {
      const term = seen(m * K + k) * A.at(j * K + k);
      value += term;
      size += Math.abs(term);
    }
    return [value, size];
  };
  const expectedH = (i: number) => {
    const [value, size] = down(Math.floor(i / ranks), i % ranks);
    // A is rounded to f16 and, in gemm.matrix.wgsl, what is left of x.
    return { value, allowed: size * (2.01 * EPS.f16 + (K + 16) * EPS.f32) };
  };
  const expectedY = (update: boolean) => (i: number) => {
    const [m, n] = [Math.floor(i / N), i % N];
    let [value, allowed] = [0, 0];
    for (let k = 0; k < K; k++) {
      const [a, w] = [x.at(m * K + k), W.at(n, k)];
      value += a * w;
      allowed += Math.abs(a) * (Math.abs(w) + W.largest) * (EPS.f16 + K * EPS.f32);
    }
    let block = 0;
    for (let edge = widths[0]; n >= edge; edge += widths[++block]);
    for (let j = 0; update && j < RANK; j++) {
      const [h, size] = down(m, block * RANK + j);
      const b = SCALE * B.at(n * RANK + j);
      value += h * b;
      allowed += size * Math.abs(b) * (4.01 * EPS.f16 + (K + RANK + 16) * EPS.f32);
    }
    return { value, allowed: allowed + EPS.f16 * Math.abs(value) };
  };
  const spots = software ? 40 : 60;
  /** Errors of y and H over what is allowed, on outputs that were filled with NaN. */
  async function check({ recording, makes, update = true }: Job): Promise<string> {
    for (const t of [y, H]) fill(gpu, t, Uint32Array.of(0xffffffff));
    recording!.replay();
    const errors: string[] = [];
    if (makes.includes('y')) errors.push((await worst(gpu, y, places(M * N, spots), expectedY(update))).toFixed(3));
    if (makes.includes('H')) errors.push((await worst(gpu, H, places(M * ranks, spots), expectedH)).toFixed(3));
    return errors.join(' ');
  }

  const { rows } = plain;
  /** H by gemm.matrix.wgsl. */
  const downAsWas = (r: Recorder) => {
    const call = { left: plain.x, byRows: false, right: matrices.A, rightByN: true, m: M, n: ranks, r: K };
    const placed = { ...call, out: H, outLd: ranks, rows, dropout: { ...dropout, on: 'left' as const } };
    recordGemm(r, placed, planGemm(gpu.caps, gemmShape(placed))!, 'lora A dense matrix');
  };
  const update = { lora, H };
  const form = planFor(gpu, { ...shapeOf(plain), update: { rank: RANK, widths: lora.widths } }).form;
  const byTall = form === 'tall' || software;
  const downCall = { x: plain.x, A: matrices.A, rows, dropout, H };
  const inTiles = (r: Recorder) => ({
    hTiles: tileScratch(r, 'H in tiles', M, ranks),
    xTiles: tileScratch(r, 'x in tiles', M, K),
  });
  const tall = (r: Recorder, a: Partial<Linear>) => recordTall(r, { ...plain, ...a, byK: false }, 'linear', TALLER);
  /** H in one dispatch, and the product by the form that the layer takes, or by the tall one. */
  const atOnce = (r: Recorder, p: DownPlan, asTall: boolean) => {
    if (!asTall) {
      recordDown(r, downCall, p);
      product(r, { ...plain, update });
      return;
    }
    const both = inTiles(r);
    recordDown(r, { ...downCall, ...both }, p);
    tall(r, { xTiles: both.xTiles, update: { lora, H: both.hTiles } });
  };
  const asWas = (r: Recorder) => {
    downAsWas(r);
    if (byTall) tall(r, { update });
    else product(r, { ...plain, update });
  };
  const shape = downShape(plain.x, matrices.A);
  const ofNow = planDown(gpu.caps, shape);
  const now: DownPlan = ofNow ?? { BM: 48, BK: 64, COLS: ranks > 48 ? 2 : 1, SLICES: 4 };
  const tried = atOnceBeside(now).filter((p) => downFits(gpu.caps, shape, p));
  const other = byTall ? software : tallSuits(gpu.caps, shapeOf(plain));
  const jobs: Job[] = [
    { name: `alone, ${form}`, makes: ['y'], update: false, record: (r) => linear(r, plain) },
    { name: 'adapter as it was', makes: ['y', 'H'], record: asWas },
    { name: 'adapter *', makes: ['y', 'H'], record: (r) => linear(r, { ...plain, lora, dropout, H }) },
    ...tried.map(
      (p): Job => ({ name: `adapter, ${nameOf(p)}`, makes: ['y', 'H'], record: (r) => atOnce(r, p, byTall) }),
    ),
    ...(other
      ? [{ name: 'adapter, the other form', makes: ['y', 'H'], record: (r) => atOnce(r, now, !byTall) } as Job]
      : []),
    { name: 'H as it was, by itself', makes: ['H'], record: downAsWas },
    ...tried.map((p): Job => {
      const record = (r: Recorder) => recordDown(r, { ...downCall, ...(byTall && inTiles(r)) }, p);
      return { name: `H${byTall ? ' and tiles' : ''}, ${nameOf(p)}`, makes: ['H'], record };
    }),
    ...(byTall
      ? [{ name: 'x in tiles, by itself', makes: [], record: (r: Recorder) => void tiles(r, plain, 'x in tiles') }]
      : []),
  ];
  const made = [plain.x, y, H, matrices.A, matrices.B, weight.words, weight.params];
  return { jobs, check, free: () => gpu.free(...made) };
}

let failed = 0;
for (const [layer, K, widths] of LAYERS) {
  if (!layer.includes(only)) continue;
  if (left() < 8) break;
  const { jobs, check, free } = problem(K, widths);
  await Promise.all(
    jobs.map(async (job) => {
      const r = new Recorder(gpu);
      try {
        job.record(r);
        job.recording = await r.finish();
        job.dispatches = r.dispatches.length;
      } catch (error) {
        failed++;
        console.log(`${layer} ${job.name}: ${(error as Error).message.slice(0, 200)}`);
      }
    }),
  );
  const ready = jobs.filter((j) => j.recording);
  for (const job of ready) job.error = await check(job);
  const effort = software ? { rounds: 1, samples: 1, sampleMs: 0 } : { rounds: 5, warmMs: 1200 };
  const times = await compare(
    ready.map((j) => j.recording!),
    effort,
  );
  const alone = times[0].ns;
  for (const [i, { name, makes, error, recording, dispatches }] of ready.entries()) {
    const { ns, spread } = times[i];
    const wrong = error!.split(' ').some((e) => e && !(Number(e) <= 1));
    if (wrong) failed++;
    const more = makes.includes('y') && i ? ` ${((100 * (ns - alone)) / alone).toFixed(1).padStart(5)} % more` : '';
    console.log(
      `${layer.padEnd(14)} ${name.padEnd(48)} ${dispatches} dispatches ${(ns / 1e3).toFixed(1).padStart(7)} µs ±${(100 * spread).toFixed(1)} %${more.padEnd(13)}  error ${error || '-'}${wrong ? ' WRONG' : ''}`,
    );
    recording!.free();
  }
  free();
}
console.log(failed ? `${failed} failed` : 'all right');
process.exit(failed ? 1 : 0);
