import { describe, expect, test } from 'vitest';
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { unroll } from '../../src/gpu/wgsl.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { describeGpus } from '../../test/gpus.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, toGpu, uniform } from '../../test/numeric.ts';
import {
  expectedClocks,
  type MatrixPlan,
  matrixCode,
  matrixFits,
  matrixPlans,
  planMatrix,
  recordMatrix,
} from './linear.matrix.ts';
import { dequantizeRef, linearRef } from './linear.ref.ts';
import { linear } from './linear.ts';
import { type Linear, type LinearShape, shapeOf } from './linear.types.ts';
import type { Q4Meta } from './weights.ts';

const q4 = (M: number, N: number, K: number, more: Partial<LinearShape> = {}): LinearShape => ({
  M,
  N,
  K,
  kind: 'q4',
  w: 'u32',
  group: 32,
  meta: 'offset16',
  x: 'f16',
  y: 'f16',
  ldy: N,
  column: 0,
  ...more,
});

describe('plan', () => {
  test.each<[string, Partial<Caps>, LinearShape]>([
    ['no subgroup matrices', { matrix: false }, q4(4096, 4096, 4096)],
    ['subgroups of varying size', { subgroups: { min: 16, max: 32 } }, q4(4096, 4096, 4096)],
    ['x in f32', {}, q4(4096, 4096, 4096, { x: 'f32' })],
    ['dense f32 weights', {}, q4(4096, 4096, 4096, { kind: 'dense', w: 'f32' })],
    ['K not a multiple of 32', {}, q4(4096, 4096, 4080)],
    ['groups that end inside a step', {}, q4(4096, 4096, 4096, { group: 48 })],
    ['groups of 16', {}, q4(4096, 4096, 4096, { group: 16 })],
    ['few rows', {}, q4(31, 4096, 4096)],
    ['few columns', {}, q4(4096, 63, 4096)],
    ['16 KiB of workgroup memory for wide tiles', { maxWorkgroupStorage: 8192 }, q4(4096, 4096, 4096)],
  ])('none for %s', (_, caps, s) => {
    expect(planMatrix({ ...H200, ...caps }, s)).toBe(undefined);
  });

  test.each([
    [32, 128, 32],
    [63, 896, 896],
    [64, 64, 96],
    [300, 307, 64],
    [2304, 1152, 896],
    [2304, 896, 4864],
    [4096, 576, 1536],
    [4096, 4096, 4096],
  ])('fits [%d, %d, %d] and is the cheapest that does', (M, N, K) => {
    const s = q4(M, N, K);
    const p = planMatrix(H200, s)!;
    expect(matrixFits(H200, s, p)).toBe(true);
    expect(p.BM <= M && p.BN <= N && K % p.BK === 0).toBe(true);
    for (const other of matrixPlans().filter((o) => matrixFits(H200, s, o)))
      expect(expectedClocks(s, other)).toBeGreaterThanOrEqual(expectedClocks(s, p));
  });

  test('a grid that fills the processors once costs one round', () => {
    for (const p of matrixPlans()) {
      const once = expectedClocks(q4(p.BM, p.BN * 264, 4096), p);
      expect(expectedClocks(q4(p.BM, p.BN * 263, 4096), p)).toBe(once);
      expect(expectedClocks(q4(p.BM, p.BN * 528, 4096), p)).toBe(2 * once);
    }
  });
});

test('unroll writes nested loops out, with their counters as constants', () => {
  const text = unroll(
    'a; for (var i = 0u; i < A; i++) { // unroll\n for (var j = 0u; j < B; j++) { // unroll\n if (i < j) { f(i, j); } } } for (var k = 0u; k < B; k++) { g(k); }',
    { A: 2, B: 3 },
  );
  expect(text.match(/const i = 0u;/g)!.length).toBe(1);
  expect(text.match(/const j = 2u;/g)!.length).toBe(2);
  expect(text.match(/f\(i, j\)/g)!.length).toBe(6);
  expect(text).toContain('for (var k = 0u; k < B; k++) { g(k); }');
  expect(() => unroll('for (var i = 0u; i < C; i++) { // unroll\n }', {})).toThrow('C is not a number');
});

type Stored = 'f16' | `${Q4Meta} ${number}`;
const STORED: Stored[] = ['f16', 'offset16 32', 'zero16 128', 'offset32 64'];

interface Case {
  M: number;
  rows: number;
  N: number;
  K: number;
  w: Stored;
  y: 'f16' | 'f32';
  bias?: boolean;
  add?: boolean;
  scale?: number;
  /** Columns of y before and after. */
  before?: number;
  after?: number;
}

/** A call on random tensors, and what it must give with the error each element may have. */
function make(g: Gpu, c: Case) {
  const { M, N, K } = c;
  const x = normal(1, M * K, 'f16');
  let weight: Linear['weight'];
  let W: Float64Array;
  let magnitude: Float64Array;
  if (c.w === 'f16') {
    W = normal(2, N * K, 'f16');
    magnitude = W;
    weight = { kind: 'dense', N, K, data: toGpu(g, 'W', 'f16', [N, K], W) as never };
  } else {
    const [meta, size] = c.w.split(' ') as [Q4Meta, string];
    const group = Number(size);
    const next = uniform(3);
    const words = Uint32Array.from({ length: (N * K) / 8 }, () => next() * 2 ** 32);
    const groups = N * Math.ceil(K / group);
    const a = Array.from({ length: groups }, () => (0.05 + next()) * (next() < 0.5 ? -0.2 : 0.2));
    const b = a.map((s) => (meta === 'zero16' ? Math.floor(next() * 17) : -s * 15 * next()));
    const wide = new Uint32Array(Float32Array.from(a.flatMap((s, i) => [s, b[i]])).buffer);
    const params = meta === 'offset32' ? wide : Uint32Array.from(a, (s, i) => toHalf(s) + toHalf(b[i]) * 65536);
    W = dequantizeRef(words, params, N, K, group, meta);
    // |a| q + |b| of each weight: the largest number that its making rounds.
    const parts = a.flatMap((s, i) => [Math.abs(s), meta === 'zero16' ? Math.abs(s * b[i]) : Math.abs(b[i])]);
    const sizes = new Uint32Array(Float32Array.from(parts).buffer);
    magnitude = dequantizeRef(words, sizes, N, K, group, 'offset32');
    weight = {
      kind: 'q4',
      N,
      K,
      group,
      meta,
      words: g.upload('words', 'u32', [N, K / 8], words),
      params: g.upload('params', 'u32', [params.length], params),
    };
  }
  const ldy = (c.before ?? 0) + N + (c.after ?? 0);
  const bias = c.bias ? normal(4, N) : undefined;
  const old = c.add ? normal(5, M * ldy) : undefined;
  const y = old ? toGpu(g, 'y', 'f32', [M, ldy], old) : poisoned(g, 'y', c.y, [M, ldy]);
  const call: Linear = {
    x: toGpu(g, 'x', 'f16', [M, K], x),
    weight,
    y,
    rows: g.dim('rows', c.rows),
    column: c.before,
    bias: bias && toGpu(g, 'bias', 'f32', [N], bias),
    add: c.add,
    scale: c.scale,
  };
  const sums = linearRef(x, W, M, N, K, { bias, scale: c.scale });
  const sizes = linearRef(x.map(Math.abs), magnitude.map(Math.abs), M, N, K, { scale: c.scale });
  const at = (i: number) => ({ m: Math.floor(i / ldy), n: (i % ldy) - (c.before ?? 0) });
  const written = Array.from({ length: M * ldy }, (_, i) => at(i).m < c.rows && at(i).n >= 0 && at(i).n < N);
  const of = (v: Float64Array, i: number) => v[at(i).m * N + at(i).n];
  const expected = written.map((w, i) => (w ? of(sums, i) : 0) + (old?.[i] ?? (w ? 0 : Number.NaN)));
  // A weight rounds to f16 twice at most; the products, K additions and what follows round to f32.
  const rounding = 2 * EPS.f16 + (K + 8) * EPS.f32;
  const allowed = written.map((w, i) => (w ? of(sizes, i) * rounding + 4 * EPS.f32 * Math.abs(old?.[i] ?? 1) : 0));
  return { call, expected, allowed };
}

/** Every element close to what it must be; where nothing is allowed, what was there before, poison included. */
async function check(g: Gpu, y: Linear['y'], expected: number[], allowed: number[]): Promise<void> {
  const got = await fromGpu(g, y);
  const poison = (v: number) => (Number.isNaN(v) ? 1e6 : v);
  const rtol = y.dtype === 'f16' ? EPS.f16 : 0;
  expectClose(got.map(poison), expected.map(poison), rtol, allowed);
}

const AWKWARD: Case[] = [
  {
    M: 300,
    rows: 299,
    N: 307,
    K: 192,
    w: 'offset32 64',
    y: 'f32',
    add: true,
    bias: true,
    scale: 0.5,
    before: 5,
    after: 8,
  },
  { M: 300, rows: 1, N: 307, K: 32, w: 'f16', y: 'f16' },
  { M: 257, rows: 130, N: 576, K: 96, w: 'zero16 32', y: 'f16', bias: true, before: 8 },
  { M: 300, rows: 257, N: 580, K: 320, w: 'offset16 128', y: 'f32', add: true },
  { M: 260, rows: 260, N: 320, K: 128, w: 'f16', y: 'f32', after: 4 },
  { M: 33, rows: 33, N: 130, K: 64, w: 'offset16 32', y: 'f16', scale: 2 },
  { M: 129, rows: 127, N: 193, K: 64, w: 'zero16 64', y: 'f32', bias: true },
];

// Few and small, for a software driver that plays the matrices.
const [small, flat] = matrixPlans().slice(5, 7);
const FEW: [string, MatrixPlan, Case][] = [
  [
    'scalar results',
    small,
    { M: 66, rows: 65, N: 77, K: 96, w: 'offset16 32', y: 'f32', add: true, bias: true, scale: 0.5, before: 3 },
  ],
  [
    'two slices',
    { ...small, BK: 64, SLICES: 2, FENCED: true },
    { M: 129, rows: 129, N: 68, K: 128, w: 'zero16 64', y: 'f32', add: true, bias: true },
  ],
  ['whole matrices', flat, { M: 96, rows: 70, N: 144, K: 64, w: 'f16', y: 'f32', add: true }],
  [
    'three words a thread',
    { ...small, BN: 96, WN: 48 },
    { M: 64, rows: 64, N: 100, K: 32, w: 'offset32 32', y: 'f16' },
  ],
];

describeMatrixGpu('linear matrix', (gpu, emulated) => {
  async function run(p: MatrixPlan, c: Case): Promise<void> {
    const g = gpu();
    const { call, expected, allowed } = make(g, c);
    const r = new Recorder(g);
    recordMatrix(r, call, p);
    expect(r.dispatches[0].label).toBe(`linear ${call.weight.kind} matrix`);
    (await r.finish()).replay();
    await check(g, call.y, expected, allowed);
  }

  test.each(FEW)('%s', async (_, p, c) => run(p, c));

  test.skipIf(emulated).each(AWKWARD)('[$M, $N, $K] $w -> $y, every plan', async (c) => {
    for (const p of matrixPlans()) if (matrixFits(gpu().caps, shapeOf(make(gpu(), c).call), p)) await run(p, c);
  });

  test('linear takes it by itself', async () => {
    const g = gpu();
    const { call, expected, allowed } = make(g, { M: 70, rows: 65, N: 96, K: 64, w: 'zero16 32', y: 'f16' });
    const r = new Recorder(g);
    linear(r, call);
    expect(r.dispatches.map((d) => d.label)).toEqual(['linear q4 matrix']);
    (await r.finish()).replay();
    await check(g, call.y, expected, allowed);
  });
});

describeGpus('linear matrix', (gpu, tier) => {
  test.skipIf(tier === 'matrix')('has no plan', () => {
    expect(planMatrix(gpu().caps, q4(4096, 4096, 4096))).toBe(undefined);
  });
});

test.skipIf('Deno' in globalThis)('every plan compiles, written out and not', async () => {
  const outputs = [
    { y: 'f16', N: 576, column: 0 },
    { y: 'f16', N: 579, column: 0 },
    { y: 'f32', N: 576, column: 8, add: true },
    { y: 'f32', N: 576, column: 3, add: true, bias: {}, scale: 0.5 },
  ];
  const texts: string[] = [];
  for (const p of matrixPlans())
    for (const w of STORED)
      for (const o of outputs) {
        const [meta, group] = w.split(' ') as [Q4Meta, string];
        const weight = w === 'f16' ? { kind: 'dense' } : { kind: 'q4', meta, group: Number(group) };
        const s = { M: 300, K: 192, x: 'f16', ldy: 600, ...o } as unknown as LinearShape;
        const call = { ...o, weight } as unknown as Linear;
        texts.push(matrixCode(call, s, p, false), matrixCode(call, s, p, true));
      }
  await compileAll(texts);
});

test('the reference of the tests reads half bits as the kernel does', () => {
  expect(fromHalf(0x6400 | 5)).toBe(1024 + 5);
  expect(fromHalf(0x5400 | (5 << 4))).toBe(64 + 5);
});
