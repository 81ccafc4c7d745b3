/**
 * Tiles of an adapter's five products beside the one that the plan takes, at Qwen2.5's layers and 5,888 tokens, on tensors that
 * no cache holds:
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/adapters.mjs [--seconds 90] [--only WORD]
 * `of copy`: the time that reading and writing each operand once takes at the copy rate. Every tile's results are compared with
 * the plan's, which the tests compare with the reference.
 */
import { type Gemm, type GemmPlan, gemmShape, planGemm, recordGemm } from '../../kernels/linear/gemm.matrix.ts';
import { time } from '../../src/bench.ts';
import { uniform } from '../../src/data/random.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { measureCopy } from '../../src/infer/measure.ts';
import { argument, remaining, warm } from './experiment.ts';

const left = remaining(90);
const only = argument('--only') ?? '';

const gpu = await Gpu.open();
const { software } = gpu.description;
if (!gpu.caps.matrix) throw new Error('this GPU has no subgroup matrices: there is nothing to compare');
const M = software ? 96 : 5888;
/** More than the caches of GPUs hold. */
const COLD = software ? 0 : 200 * 2 ** 20;
const RANK = 32;

/** A layer's inputs, and outputs by adapter. */
const LAYERS: [name: string, K: number, widths: number[]][] = software
  ? [['small', 128, [128, 64, 64]]]
  : [
      ['0.5B qkv', 896, [896, 128, 128]],
      ['0.5B gate, up', 896, [4864, 4864]],
      ['0.5B down', 4864, [896]],
      ['7B qkv', 3584, [3584, 512, 512]],
      ['7B gate, up', 3584, [18944, 18944]],
      ['7B down', 18944, [3584]],
    ];

type Tile = Omit<GemmPlan, 'form'>;
const whole = (n: number) => Math.ceil(n / 16) * 16;
/** Out has few columns: a rank's. */
const narrow = (n: number): Tile[] =>
  [
    [64, 16],
    [128, 16],
    [128, 32],
    [32, 16],
  ].flatMap(([BM, WM]) =>
    ([64, 32] as const).flatMap((BK) =>
      [1, 2, 4].map((splits) => ({ BM, BN: whole(n), BK, WM, WN: whole(n), splits })),
    ),
  );
/** Out has few rows. */
const flat = (m: number): Tile[] =>
  [
    [128, 32],
    [64, 16],
    [256, 32],
  ].flatMap(([BN, WN]) =>
    ([64, 32] as const).flatMap((BK) =>
      [4, 8, 16].map((splits) => ({ BM: whole(m), BN, BK, WM: whole(m), WN, splits })),
    ),
  );
/** The sum is short. */
const shallow: Tile[] = [
  [128, 128, 64, 64],
  [128, 128, 32, 64],
  [64, 64, 32, 32],
  [128, 64, 32, 32],
  [64, 128, 32, 64],
  [64, 128, 32, 32],
].map(([BM, BN, WM, WN]) => ({ BM, BN, BK: 32, WM, WN, splits: 1 }));

const unit = uniform(0x2545f491);
const NOISE = Uint16Array.from({ length: 65521 }, () => toHalf(unit() - 0.5));
function filled(name: string, dtype: 'f16' | 'f32', shape: number[]): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  if (dtype === 'f32')
    return gpu.upload(
      name,
      'f32',
      shape,
      Float32Array.from({ length: n }, (_, i) => fromHalf(NOISE[i % NOISE.length])),
    );
  const out = new Uint16Array(n);
  for (let at = 0; at < n; at += NOISE.length) out.set(NOISE.subarray(0, Math.min(NOISE.length, n - at)), at);
  return gpu.upload(name, 'f16', shape, out);
}

/** A product with each of several copies of its large tensors, and the bytes that one call reads and writes. */
interface Problem {
  name: string;
  calls: Gemm[];
  bytes: number;
  tiles: Tile[];
}

function problems(name: string, K: number, widths: number[]): Problem[] {
  const N = widths.reduce((a, b) => a + b);
  const ranks = RANK * widths.length;
  const several = widths.length > 1;
  const rows = gpu.dim('rows', M);
  const blocks = (along: 'sum' | 'rows') => (several ? { along, widths, rank: RANK } : undefined);
  const A = filled('A', 'f32', [ranks, K]);
  const B = filled('B', 'f32', [N, RANK]);
  const H = filled('H', 'f32', [M, ranks]);
  const state = gpu.dim('seed', 1, 2, 3, 0);
  const dropout = (on: 'left' | 'right' | 'out') => ({ p: 0.05, site: 1, state, on });
  const copies = (columns: number) =>
    Array.from({ length: Math.max(1, Math.ceil(COLD / (2 * M * columns))) }, (_, i) =>
      filled(`${i}`, 'f16', [M, columns]),
    );
  const x = copies(K);
  const dy = copies(N);
  const out = (name: string, shape: number[]) => gpu.tensor(name, 'f32', shape);
  const [toH, toDH, dA, dB] = [
    out('H', [M, ranks]),
    out('dH', [M, ranks]),
    out('dA', [ranks, K]),
    out('dB', [N, RANK]),
  ];
  const thin = 4 * M * ranks;
  return [
    {
      name: 'H = d(x) Aᵀ',
      bytes: 2 * M * K + thin,
      tiles: narrow(ranks),
      calls: x.map((left) => ({
        ...{ left, byRows: false, right: A, rightByN: true, m: M, n: ranks, r: K, out: toH, outLd: ranks, rows },
        dropout: dropout('left'),
      })),
    },
    {
      name: 'dH = dy B',
      bytes: 2 * M * N + thin,
      tiles: narrow(RANK),
      calls: dy.map((left) => ({
        ...{
          left,
          byRows: false,
          right: B,
          m: M,
          n: ranks,
          r: N,
          out: toDH,
          outLd: ranks,
          rows,
          blocks: blocks('sum'),
        },
      })),
    },
    {
      name: 'dA = dHᵀ d(x)',
      bytes: 2 * M * K + thin,
      tiles: flat(ranks),
      calls: x.map((right) => ({
        ...{ left: H, byRows: true, right, m: ranks, n: K, r: M, out: dA, outLd: K, rows, dropout: dropout('right') },
      })),
    },
    {
      name: 'dB = dyᵀ H',
      bytes: 2 * M * N + thin,
      tiles: narrow(RANK),
      calls: dy.map((left) => ({
        ...{ left, byRows: true, right: H, m: N, n: RANK, r: M, out: dB, outLd: RANK, rows, blocks: blocks('rows') },
      })),
    },
    {
      name: 'dx += d(dH A)',
      bytes: 4 * M * K + thin,
      tiles: shallow,
      calls: x.map((dx) => ({
        ...{ left: H, byRows: false, right: A, m: M, n: K, r: ranks, out: dx, outLd: K, rows, add: true },
        dropout: dropout('out'),
      })),
    },
  ].map((p) => ({ ...p, name: `${name}  ${p.name}` }));
}

const label = (p: Tile) => `${p.BM}x${p.BN}x${p.BK} of ${p.WM}x${p.WN}, ${p.splits} spans`;

console.log(`${gpu.description.description}, tier ${gpu.caps.tier}`);
const { bytes: copy } = await measureCopy(gpu);
console.log(`copy rate ${(copy / 1e12).toFixed(2)} TB/s, read and written`);
for (const [name, K, widths] of LAYERS)
  for (const { name: what, calls, bytes, tiles } of problems(name, K, widths)) {
    if (!what.includes(only)) continue;
    if (left() < 5) break;
    const now = planGemm(gpu.caps, gemmShape(calls[0]))!;
    const plans = [now, ...tiles.map((tile): GemmPlan => ({ form: 'matrix', ...tile }))];
    const wanted = [...new Map(plans.map((p) => [label(p), p])).values()];
    // All are compiled before any is timed: nothing lets the GPU idle, and its clock drop, in between.
    const jobs = await Promise.all(
      wanted.map(async (plan) => {
        const [one, all] = [new Recorder(gpu), new Recorder(gpu)];
        try {
          recordGemm(one, calls[0], plan, 'one');
          for (const call of calls) recordGemm(all, call, plan, 'all');
          return { plan, one: await one.finish(), all: await all.finish() };
        } catch (error) {
          console.log(`${what} ${label(plan)}: ${(error as Error).message.slice(0, 160)}`);
          return undefined;
        }
      }),
    );
    const { out } = calls[0];
    const held = calls[0].add ? await gpu.read(out) : undefined;
    const result = async (recording: Recording) => {
      if (held) gpu.write(out, held as Uint16Array<ArrayBuffer>);
      else gpu.clear(out);
      recording.replay();
      const got = await gpu.read(out, Math.min(out.bytes / (out.dtype === 'f16' ? 2 : 4), 1 << 20));
      return out.dtype === 'f16' ? Float32Array.from(got, fromHalf) : (got as Float32Array);
    };
    const expected = await result(jobs[0]!.one);
    const size = Math.hypot(...expected.subarray(0, 65536));
    await warm(jobs[0]!.all);
    for (const job of jobs) {
      if (!job || left() < 2) continue;
      const got = await result(job.one);
      const off = Math.hypot(...got.subarray(0, 65536).map((v, i) => v - expected[i])) / size;
      const { ns, spread } = await time(job.all, { warmMs: software ? 0 : 20 });
      const us = ns / 1e3 / calls.length;
      console.log(
        `${what.padEnd(28)} ${`${label(job.plan)}${job === jobs[0] ? ', now' : ''}`.padEnd(44)} ${us.toFixed(1).padStart(7)} µs ±${(100 * spread).toFixed(1)} % ${(bytes / us / copy / 1e-8).toFixed(0).padStart(3)} % of copy  off ${off.toExponential(1)}`,
      );
      job.one.free();
      job.all.free();
    }
  }
process.exit(0);
