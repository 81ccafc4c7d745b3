import { expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { toHalf } from '../../src/half.ts';
import { describeGpus } from '../../test/gpus.ts';
import { compileAll, describeMatrixGpu } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, toGpu, uniform } from '../../test/numeric.ts';
import { product } from './linear.product.ts';
import { dequantizeRef, linearRef } from './linear.ref.ts';
import {
  type SkinnyMatrixPlan,
  type SkinnyPlan,
  skinnyCode,
  skinnyFits,
  skinnyMatrixCode,
  skinnyMatrixFits,
} from './linear.skinny.ts';
import { type Linear, type LinearShape, shapeOf } from './linear.types.ts';
import type { Q4Meta } from './weights.ts';

interface Case {
  M: number;
  rows?: number;
  N: number;
  K: number;
  meta: Q4Meta;
  group: number;
  y?: 'f32';
  bias?: boolean;
  add?: boolean;
  scale?: number;
  before?: number;
  after?: number;
}

/** Runs a case and checks every element of y, poison included. `f16`: share of Σ |x| |w|'s size that sums in f16 lose. */
async function run(g: Gpu, c: Case, p: SkinnyPlan | SkinnyMatrixPlan, rounding: number): Promise<string[]> {
  const { M, N, K, meta, group, before = 0, after = 0, rows = M, scale = 1 } = c;
  const next = uniform(3);
  const words = Uint32Array.from({ length: (N * K) / 8 }, () => next() * 2 ** 32);
  const groups = N * Math.ceil(K / group);
  const a = Array.from({ length: groups }, () => (0.05 + next()) * (next() < 0.5 ? -0.2 : 0.2));
  const b = a.map((s) => (meta === 'zero16' ? Math.floor(next() * 17) : -s * 15 * next()));
  const wide = new Uint32Array(Float32Array.from(a.flatMap((s, i) => [s, b[i]])).buffer);
  const params = meta === 'offset32' ? wide : Uint32Array.from(a, (s, i) => toHalf(s) + toHalf(b[i]) * 65536);
  const W = dequantizeRef(words, params, N, K, group, meta);
  // 8 |a| and what is left: the largest numbers that a weight is made of.
  const sizes = a.map((s, i) => 8 * Math.abs(s) + Math.abs(meta === 'zero16' ? s * (b[i] - 8) : b[i] + 8 * s));
  const magnitude = W.map(
    (v, i) => Math.abs(v) + sizes[Math.floor(i / K) * Math.ceil(K / group) + Math.floor((i % K) / group)],
  );
  const x = normal(1, M * K, 'f16');
  // Chunks of sizes that products in f16 could not have: 2^14 and 2^-14.
  for (let i = 0; i < x.length; i++) if (Math.floor(i / 32) % 5 === 0) x[i] *= i % 3 ? 2 ** -10 : 2 ** 10;
  const ldy = before + N + after;
  const bias = c.bias ? normal(4, N) : undefined;
  const old = c.add ? normal(5, M * ldy) : undefined;
  const y = old ? toGpu(g, 'y', 'f32', [M, ldy], old) : poisoned(g, 'y', c.y ?? 'f16', [M, ldy]);
  const call: Linear = {
    x: toGpu(g, 'x', 'f16', [M, K], x),
    weight: {
      kind: 'q4',
      N,
      K,
      group,
      meta,
      words: g.upload('words', 'u32', [N, K / 8], words),
      params: g.upload('params', 'u32', [params.length], params),
    },
    y,
    rows: g.dim('rows', rows),
    column: before,
    bias: bias && g.upload('bias', 'f32', [N], Float32Array.from(bias)),
    add: c.add,
    scale: c.scale,
  };
  const fits = p.form === 'skinny' ? skinnyFits(g.caps, shapeOf(call), p) : skinnyMatrixFits(g.caps, shapeOf(call), p);
  expect(fits).toBe(true);
  const xs = Float64Array.from(x, (v) => v);
  const sums = linearRef(xs, W, M, N, K, { bias, scale });
  const terms = linearRef(xs.map(Math.abs), magnitude, M, N, K, { scale });
  const expected = new Float64Array(M * ldy);
  const allowed = new Float64Array(M * ldy);
  for (let i = 0; i < expected.length; i++) {
    const [m, n] = [Math.floor(i / ldy), (i % ldy) - before];
    if (m >= rows || n < 0 || n >= N) expected[i] = old?.[i] ?? 1e6;
    else {
      expected[i] = sums[m * N + n] + (old?.[i] ?? 0);
      allowed[i] = ((K + 16) * EPS.f32 + rounding) * terms[m * N + n] + 4 * EPS.f32 * Math.abs(expected[i]) + 2 ** -25;
    }
  }
  const r = new Recorder(g);
  product(r, call, 'linear', p);
  (await r.finish()).replay();
  const got = (await fromGpu(g, y)).map((v) => (Number.isNaN(v) ? 1e6 : v));
  expectClose(got, expected, y.dtype === 'f16' ? EPS.f16 : 0, allowed);
  return r.dispatches.map((d) => d.label);
}

// Products and sums of a chain each round to f16: 4 CHAIN of them, at most half a unit in 2^11 of what the sum has been.
const chained = (chain: number) => (chain ? 4 * chain * EPS.f16 : 0);

describeGpus('linear skinny', (gpu, tier) => {
  const one = (p: Partial<SkinnyPlan>): SkinnyPlan => ({
    form: 'skinny',
    MR: 1,
    NR: 4,
    SK: 1,
    SR: 2,
    KT: 1024,
    D: 1,
    CHAIN: 4,
    SMALLEST: gpu().caps.subgroups!.min,
    ...p,
  });
  test.skipIf(tier === 'portable').each<[string, Partial<SkinnyPlan>, Case]>([
    ['one row, a K tail, odd N', {}, { M: 1, N: 17, K: 1120, meta: 'offset16', group: 32 }],
    ['one row in f32', { CHAIN: 0 }, { M: 1, N: 9, K: 96, meta: 'zero16', group: 96, y: 'f32', bias: true }],
    [
      'two in flight, split K',
      { D: 2, SK: 2, SR: 1, KT: 4096, NR: 2, CHAIN: 2 },
      { M: 3, N: 5, K: 4672, meta: 'offset16', group: 64, add: true, scale: 0.5, before: 3, after: 1 },
    ],
    [
      'four rows',
      { MR: 4, NR: 2, D: 2, KT: 2048, CHAIN: 4 },
      { M: 7, rows: 6, N: 11, K: 2176, meta: 'offset32', group: 128, bias: true },
    ],
    ['four rows, a word at a time', { MR: 4, NR: 2, CHAIN: 1 }, { M: 4, N: 3, K: 64, meta: 'zero16', group: 32 }],
  ])('%s', async (_, p, c) => {
    expect(await run(gpu(), c, one(p), chained(p.CHAIN ?? 4))).toEqual(['linear q4 skinny']);
  });
});

describeMatrixGpu('linear skinny matrix', (gpu) => {
  const plan = (p: Partial<SkinnyMatrixPlan>): SkinnyMatrixPlan => ({
    form: 'skinny matrix',
    FM: 1,
    FN: 1,
    SN: 1,
    SK: 2,
    D: 1,
    SPLITS: 1,
    ...p,
  });
  test.each<[string, Partial<SkinnyMatrixPlan>, Case]>([
    ['K tail, odd N, rows that are not there', {}, { M: 5, N: 19, K: 416, meta: 'offset16', group: 32, bias: true }],
    [
      'shares of K',
      { SN: 2, SPLITS: 2, D: 2 },
      { M: 18, rows: 17, N: 70, K: 640, meta: 'zero16', group: 128, add: true, scale: 0.5, before: 2, after: 3 },
    ],
    ['64 rows', { FM: 4, FN: 2, SN: 2, SK: 1 }, { M: 64, N: 65, K: 256, meta: 'offset32', group: 64, y: 'f32' }],
  ])('%s', async (_, p, c) => {
    const labels = await run(gpu(), c, plan(p), 3 * EPS.f16);
    expect(labels).toEqual(['linear q4 skinny matrix', ...(p.SPLITS ? ['linear q4 skinny sum'] : [])]);
  });
});

test.skipIf('Deno' in globalThis)('texts compile, written out', async () => {
  const texts: string[] = [];
  for (const meta of ['offset16', 'zero16', 'offset32'] as const) {
    const s = { M: 64, N: 100, K: 4096, x: 'f16', y: 'f16' } as LinearShape;
    const a = { weight: { kind: 'q4', meta, group: 32 } } as Linear;
    for (const CHAIN of [0, 1, 4] as const) {
      const p: SkinnyPlan = { form: 'skinny', MR: 4, NR: 4, SK: 1, SR: 8, KT: 2048, D: 2, CHAIN, SMALLEST: 32 };
      texts.push(skinnyCode(a, s, p));
    }
    for (const SPLITS of [1, 2])
      texts.push(skinnyMatrixCode(a, s, { form: 'skinny matrix', FM: 4, FN: 1, SN: 4, SK: 2, D: 1, SPLITS }));
  }
  await compileAll(texts);
});
