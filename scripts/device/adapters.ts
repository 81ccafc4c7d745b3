/**
 * Tiles of products of training beside the one that the plan takes, on tensors that no cache holds: an adapter's five, at
 * Qwen2.5's layers and 5,888 tokens, the gradients of SmolLM2's weights, at 17,500 tokens and 6,900, and dX of int4 layers:
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/adapters.mjs [--seconds 90] [--only WORD]
 * WORD is part of a name, e.g. dx, 0.5B, dW, dX. `of copy`: the time that reading and writing each operand once takes at the copy
 * rate. Every tile's results are compared with the plan's, which the tests compare with the reference.
 */
import { type Gemm, type GemmPlan, gemmShape, planGemm, recordGemm } from '../../kernels/linear/gemm.matrix.ts';
import type { Q4Weight } from '../../kernels/linear/weights.ts';
import { time } from '../../src/bench.ts';
import { uniform } from '../../src/data/random.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { measureCopy } from '../../src/infer/measure.ts';
import { flat, GRADIENT, narrow, shallow, square, type Tile } from './adapters.tiles.ts';
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

/** A layer's weights, [N, K]. */
const WEIGHTS: [name: string, N: number, K: number][] = software
  ? [['small', 192, 96]]
  : [
      ['gate, up', 3072, 576],
      ['qkv', 960, 576],
      ['down', 576, 1536],
      ['o', 576, 576],
    ];
/** int4 layers whose dX planGemm's tiles make. */
const GRADIENTS: [name: string, N: number, K: number][] = software
  ? [['small', 128, 96]]
  : [
      ['0.5B gate, up', 9728, 896],
      ['0.5B down', 896, 4864],
      ['0.5B qkv', 1152, 896],
      ['SmolLM2 gate, up', 3072, 576],
      ['SmolLM2 down', 576, 1536],
    ];
/** Rows that training all of SmolLM2 sees, of many negatives and of few, and how much of `square` is tried on them. */
const ROWS: [rows: number, tiles: number, twice: number][] = software
  ? [[96, 2, 1]]
  : [
      [17500, 14, 3],
      [6900, 7, 0],
    ];

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

/** How many copies of tensors of so many halves in all no cache holds. */
const copies = <T>(halves: number, make: (i: number) => T): T[] =>
  Array.from({ length: Math.max(1, Math.ceil(COLD / (2 * halves))) }, (_, i) => make(i));

function weightProblem(name: string, N: number, K: number, rows: number, tiles: Tile[]): Problem {
  const out = filled('dW', 'f32', [N, K]);
  const call = { byRows: true, m: N, n: K, r: rows, out, outLd: K, rows: gpu.dim('rows', rows), add: true };
  const calls = copies(rows * (N + K), (i): Gemm => {
    return { ...call, left: filled(`dy ${i}`, 'f16', [rows, N]), right: filled(`x ${i}`, 'f16', [rows, K]) };
  });
  return { name, calls, tiles, bytes: 2 * rows * (N + K) + 8 * N * K };
}

/** dX = dY W of an int4 layer, by a plan of gemm.matrix.ts, which is not always the one that the layer takes. */
function gradientProblem(name: string, N: number, K: number): Problem {
  const params = new Uint32Array((N * K) / 32).fill(toHalf(0.01) + 2 ** 16 * toHalf(-0.08));
  const right: Q4Weight = {
    ...{ kind: 'q4', N, K, group: 32, meta: 'offset16' },
    words: gpu.upload('words', 'u32', [N, K / 8], words((N * K) / 8)),
    params: gpu.upload('params', 'u32', [N, K / 32], params),
  };
  const rows = gpu.dim('rows', M);
  const calls = copies(M * (N + K), (i): Gemm => {
    const out = gpu.tensor(`dx ${i}`, 'f16', [M, K]);
    return { left: filled(`dy ${i}`, 'f16', [M, N]), byRows: false, right, m: M, n: K, r: N, out, outLd: K, rows };
  });
  return { name, calls, tiles: GRADIENT, bytes: 2 * M * (N + K) + (N * K * 5) / 8 };
}
const words = (n: number) => Uint32Array.from({ length: n }, () => unit() * 2 ** 32);

const nameOf = (layer: string, product: string) => `${layer}  ${product}`;

/** Names of a layer's products, in the order of `adapterProblems`. */
const PRODUCTS = ['H = d(x) Aᵀ', 'dH = dy B', 'dA = dHᵀ d(x)', 'dB = dyᵀ H', 'dx += d(dH A)'];

function adapterProblems(layer: string, K: number, widths: number[]): Problem[] {
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
  const activations = (columns: number) => copies(M * columns, (i) => filled(`${i}`, 'f16', [M, columns]));
  const x = activations(K);
  const dy = activations(N);
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
      bytes: 2 * M * K + thin,
      tiles: narrow(ranks),
      calls: x.map((left) => ({
        ...{ left, byRows: false, right: A, rightByN: true, m: M, n: ranks, r: K, out: toH, outLd: ranks, rows },
        dropout: dropout('left'),
      })),
    },
    {
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
      bytes: 2 * M * K + thin,
      tiles: flat(ranks),
      calls: x.map((right) => ({
        ...{ left: H, byRows: true, right, m: ranks, n: K, r: M, out: dA, outLd: K, rows, dropout: dropout('right') },
      })),
    },
    {
      bytes: 2 * M * N + thin,
      tiles: narrow(RANK),
      calls: dy.map((left) => ({
        ...{ left, byRows: true, right: H, m: N, n: RANK, r: M, out: dB, outLd: RANK, rows, blocks: blocks('rows') },
      })),
    },
    {
      bytes: 4 * M * K + thin,
      tiles: shallow,
      calls: x.map((dx) => ({
        ...{ left: H, byRows: false, right: A, m: M, n: K, r: ranks, out: dx, outLd: K, rows, add: true },
        dropout: dropout('out'),
      })),
    },
  ].map((p, i) => ({ ...p, name: nameOf(layer, PRODUCTS[i]) }));
}

/** What there is to time, made when its turn comes. */
const WORK: { names: string[]; make: () => Problem[] }[] = [
  ...ROWS.flatMap(([rows, tiles, twice]) =>
    WEIGHTS.map(([layer, N, K]) => {
      const name = nameOf(`SmolLM2 ${layer}`, `dW, ${rows} rows`);
      return { names: [name], make: () => [weightProblem(name, N, K, rows, square(N, K, rows, tiles, twice))] };
    }),
  ),
  ...GRADIENTS.map(([layer, N, K]) => {
    const name = nameOf(layer, 'dX = dY W, int4');
    return { names: [name], make: () => [gradientProblem(name, N, K)] };
  }),
  ...LAYERS.map(([layer, K, widths]) => ({
    names: PRODUCTS.map((product) => nameOf(layer, product)),
    make: () => adapterProblems(layer, K, widths),
  })),
];

/** The length of a, or of a - b. */
function distance(a: Float32Array, b?: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - (b?.[i] ?? 0)) ** 2;
  return Math.sqrt(sum);
}

const label = (p: Tile) => `${p.BM}x${p.BN}x${p.BK} of ${p.WM}x${p.WN}, ${p.splits} spans`;

console.log(`${gpu.description.description}, tier ${gpu.caps.tier}`);
const { bytes: copy } = await measureCopy(gpu);
console.log(`copy rate ${(copy / 1e12).toFixed(2)} TB/s, read and written`);
for (const { names, make } of WORK) {
  if (left() < 5) break;
  if (!names.some((name) => name.includes(only))) continue;
  for (const { name: what, calls, bytes, tiles } of make()) {
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
      const got = await gpu.read(out, Math.min(out.bytes / (out.dtype === 'f16' ? 2 : 4), 1 << 21));
      return out.dtype === 'f16' ? Float32Array.from(got, fromHalf) : (got as Float32Array);
    };
    const expected = await result(jobs[0]!.one);
    const size = distance(expected);
    await warm(jobs[0]!.all);
    for (const job of jobs) {
      if (!job || left() < 2) continue;
      const got = await result(job.one);
      const off = distance(got, expected) / size;
      const { ns, spread } = await time(job.all, { warmMs: software ? 0 : 20 });
      const us = ns / 1e3 / calls.length;
      const { m, n, r, blocks } = calls[0];
      // Of blocks only the adapters' products have some, which memory bounds.
      const speed = blocks ? '' : `${((2 * m * n * r) / us / 1e6).toFixed(0).padStart(5)} TFLOP/s`;
      console.log(
        `${what.padEnd(28)} ${`${label(job.plan)}${job === jobs[0] ? ', now' : ''}`.padEnd(44)} ${us.toFixed(1).padStart(7)} µs ±${(100 * spread).toFixed(1)} % ${(bytes / us / copy / 1e-8).toFixed(0).padStart(3)} % of copy${speed}  off ${off.toExponential(1)}`,
      );
      job.one.free();
      job.all.free();
    }
  }
}
process.exit(0);
