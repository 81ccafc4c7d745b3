import { expect, test } from 'vitest';
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { describeGpus } from '../../test/gpus.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, toGpu, uniform } from '../../test/numeric.ts';
import { planName } from './linear.candidates.ts';
import { type HeldPlan, heldCode, heldFits, heldPlan } from './linear.held.ts';
import { plan, product } from './linear.product.ts';
import { dequantizeRef, linearRef } from './linear.ref.ts';
import {
  planSkinny,
  planStaged,
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
  /** x and W as large as they get, instead of random ones of many sizes. */
  large?: boolean;
}

/** In even rows every |x| is 2000 to 8000, and of one sign; in odd rows every 50th is, as activations are, the rest normal. */
function largeX(M: number, K: number): Float64Array {
  const next = uniform(6);
  const x = normal(1, M * K);
  for (let i = 0; i < x.length; i++)
    if (Math.floor(i / K) % 2 === 0) x[i] = 2000 + 6000 * next();
    else if (i % 50 === 7) x[i] = (next() < 0.5 ? -1 : 1) * (2000 + 6000 * next());
  return x.map((v) => fromHalf(toHalf(v)));
}

/**
 * Runs a case and checks every element of y, poison included. `rounding`: the share of Σ |x| |w|'s size that f16 may cost.
 * Errors are also held to what they are likely to be together: their root mean square to .002 of √Σ (x w)²'s; on a GPU
 * it was .0005, and where all of x is large and of one sign, as in largeX, W's roundings alone make it .0009.
 */
async function run(g: Gpu, c: Case, p: SkinnyPlan | SkinnyMatrixPlan | HeldPlan, rounding: number): Promise<string[]> {
  const { M, N, K, meta, group, before = 0, after = 0, rows = M, scale = 1 } = c;
  const next = uniform(3);
  const words = Uint32Array.from({ length: (N * K) / 8 }, () => next() * 2 ** 32);
  // Nibbles of 0 in the first row, of 15 in the next.
  if (c.large) words.fill(0, 0, K / 8).fill(2 ** 32 - 1, K / 8, K / 4);
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
  const x = c.large ? largeX(M, K) : normal(1, M * K, 'f16');
  // Chunks of sizes that products in f16 could not have: 2^14 and 2^-14.
  for (let i = 0; !c.large && i < x.length; i++) if (Math.floor(i / 32) % 5 === 0) x[i] *= i % 3 ? 2 ** -10 : 2 ** 10;
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
  const s = shapeOf(call);
  const fits = { skinny: skinnyFits, 'skinny matrix': skinnyMatrixFits, held: heldFits }[p.form];
  expect(fits(g.caps, s, p as never)).toBe(true);
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
  if (y.dtype === 'f32' && !c.add) {
    const [xx, WW] = [xs, W].map((values) => values.map((v) => v * v));
    const size = linearRef(xx, WW, rows, N, K, { scale: scale * scale }).reduce((a, b) => a + b);
    const off = got.reduce((sum, v, i) => sum + (allowed[i] ? (v - expected[i]) ** 2 : 0), 0);
    expect(Math.sqrt(off / size)).toBeLessThan(0.002);
  }
  return r.dispatches.map((d) => d.label);
}

// Products and sums of a chain each round to f16: 4 CHAIN of them, at most half a unit in 2^11 of what the sum has been.
const chained = (chain: number) => (chain ? 4 * chain * EPS.f16 : 0);

const shape = (s: Partial<LinearShape>): LinearShape => ({
  ...{ M: 1, N: 4096, K: 4096, kind: 'q4', w: 'u32', group: 32, meta: 'offset16', x: 'f16', y: 'f16' },
  ...{ ldy: s.N ?? 4096, column: 0, ...s },
});

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

  // Unscaled, one product would pass f16's 65504.
  test.skipIf(tier === 'portable').each([1, 4])('%i rows by the rule, x of up to 8000', async (M) => {
    const { subgroups, maxWorkgroupStorage, maxInvocations } = gpu().caps;
    const caps = {
      ...H200,
      matrix: false,
      subgroups: { min: subgroups!.min, max: 32 },
      maxWorkgroupStorage,
      maxInvocations,
    };
    for (const meta of ['offset16', 'zero16'] as const) {
      const p = planStaged(caps, shape({ M, meta }))!;
      const c: Case = { M, N: 9, K: 4096, meta, group: 32, y: 'f32', large: true };
      expect(await run(gpu(), c, p, chained(4))).toEqual(['linear q4 skinny']);
    }
  });
});

describeMatrixGpu('linear skinny matrix', (gpu, emulated) => {
  const of = (p: Partial<SkinnyMatrixPlan>): SkinnyMatrixPlan => ({
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
    const labels = await run(gpu(), c, of(p), 3 * EPS.f16);
    expect(labels).toEqual(['linear q4 skinny matrix', ...(p.SPLITS ? ['linear q4 skinny sum'] : [])]);
  });

  // The rule's form of an N is run on fewer columns; 64 rows' stage is more than lavapipe has, but for one set of subgroups.
  test.each([
    [5, 4096],
    [17, 4096],
    [33, 8192],
    [33, 4096],
    [33, 2048],
  ])('%i rows by the rule for N = %i, x of up to 8000', async (M, N) => {
    const p = planSkinny(H200, shape({ M, N })) as SkinnyMatrixPlan;
    if (emulated && p.FM === 4) p.SK = 1;
    const c: Case = { M, N: 67, K: 4096, meta: 'offset16', group: 32, y: 'f32', large: true };
    const sum = p.SPLITS > 1 ? ['linear q4 skinny sum'] : [];
    expect(await run(gpu(), c, p, 3 * EPS.f16)).toEqual(['linear q4 skinny matrix', ...sum]);
  });
});

describeMatrixGpu('linear held', (gpu) => {
  const of = (p: Partial<HeldPlan>): HeldPlan => ({ form: 'held', MR: 1, NR: 8, BLOCKS: 2, TURNS: 2, PARTS: 1, ...p });
  test.each<[string, Partial<HeldPlan>, Case]>([
    ['one row, a K tail, odd N', {}, { M: 1, N: 43, K: 1120, meta: 'offset16', group: 32 }],
    ['a sum a lane', { MR: 4 }, { M: 4, N: 33, K: 2048, meta: 'zero16', group: 128, y: 'f32', bias: true }],
    [
      'rows that are not there, two sums a lane and more blocks',
      { MR: 4, NR: 4, BLOCKS: 4 },
      { M: 7, rows: 6, N: 21, K: 96, meta: 'offset32', group: 96, add: true, scale: 0.5, before: 3, after: 1 },
    ],
    ['two rows', { MR: 2, NR: 16 }, { M: 2, N: 40, K: 1056, meta: 'offset16', group: 32 }],
    ['two sums', { NR: 2 }, { M: 3, N: 9, K: 64, meta: 'zero16', group: 64 }],
    ['x of up to 8000', { MR: 4, NR: 4 }, { M: 4, N: 9, K: 4096, meta: 'offset16', group: 32, y: 'f32', large: true }],
    [
      'registers taken anew, an odd number of blocks',
      { MR: 4, NR: 4, BLOCKS: 3, TURNS: 1 },
      { M: 5, rows: 3, N: 29, K: 1120, meta: 'zero16', group: 32, add: true, before: 1, after: 2 },
    ],
    ['the same, one row', { BLOCKS: 1, TURNS: 1 }, { M: 1, N: 17, K: 2080, meta: 'offset16', group: 32, y: 'f32' }],
    [
      'K in three parts, the last not whole',
      { MR: 4, BLOCKS: 2, PARTS: 3, TURNS: 1 },
      { M: 3, N: 35, K: 4128, meta: 'offset32', group: 96, y: 'f32', bias: true },
    ],
    [
      'K in parts of which the last is empty',
      { MR: 2, PARTS: 3 },
      { M: 2, N: 20, K: 2048, meta: 'zero16', group: 32, y: 'f32', scale: 2 },
    ],
  ])('%s', async (_, p, c) => {
    expect(await run(gpu(), c, of(p), chained(4))).toEqual(['linear q4 held']);
  });

  // The rule's form of an N is run on fewer columns, which make fewer workgroups.
  test.each([
    [1, 4096, 2048, 'offset16', 37],
    [1, 37888, 3584, 'zero16', 90],
    [2, 8192, 4096, 'offset16', 43],
    [2, 3584, 18944, 'zero16', 9],
    [1, 3584, 18944, 'offset16', 9],
    [3, 8192, 4096, 'offset16', 41],
    [4, 37888, 2048, 'zero16', 75],
  ] as const)('%i rows by the rule for %i x %i, x of up to 8000', async (M, columns, K, meta, N) => {
    const p = planSkinny(H200, shape({ M, N: columns, K, meta }))!;
    const c: Case = { M, N, K, meta, group: 32, y: 'f32', large: true };
    expect(await run(gpu(), c, p, chained(4))).toEqual(['linear q4 held']);
  });
});

test('held takes what one workgroup can hold', () => {
  const s = shape({ M: 4, N: 8192, K: 8192 });
  const p = heldPlan(s, 4, 4, 128);
  expect(p).toEqual({ form: 'held', MR: 4, NR: 4, BLOCKS: 16, TURNS: 2, PARTS: 1 });
  expect(heldPlan(s, 4, 4, 160, 1)).toEqual({ ...p, BLOCKS: 13, TURNS: 1 });
  expect(heldFits(H200, s, p)).toBe(true);
  const not: [LinearShape, HeldPlan][] = [
    [shape({ M: 4, N: 8192, K: 8224 }), p],
    [s, { ...p, NR: 16 }],
    [s, { ...p, BLOCKS: 128 }],
    [s, { ...p, BLOCKS: 3 }],
    [{ ...s, x: 'f32' }, p],
    [{ ...s, group: 16 }, p],
    [{ ...s, kind: 'dense', w: 'f16', group: undefined, meta: undefined }, p],
    [{ ...s, update: { rank: 32 } }, p],
  ];
  for (const [other, q] of not) expect(heldFits(H200, other, q)).toBe(false);
  expect(heldFits({ ...H200, subgroups: { min: 16, max: 32 } }, s, p)).toBe(false);
  expect(heldFits({ ...H200, f16: false }, s, p)).toBe(false);
  // A longer K in parts.
  expect([1, 2, 4].map((MR) => heldPlan({ N: 8192, K: 18944 }, MR as 1 | 2 | 4, 4, 264).PARTS)).toEqual([2, 2, 3]);
  for (const [MR, NR] of [
    [1, 8],
    [2, 8],
    [4, 4],
  ] as const) {
    const long = shape({ M: MR, N: 3584, K: 18944 });
    expect(heldFits(H200, long, heldPlan(long, MR, NR, 264))).toBe(true);
  }
});

type Measured = [M: number, N: number, K: number, of: string, plan: string, us: number, staged: number, best: number];
/**
 * results/h200/skinny.txt, the table of 1adee77: rows, shape, what the plan takes and its microseconds, those of x staged, and
 * those of the fastest form. Four stands for three rows too.
 */
const MEASURED: Measured[] = [
  [1, 8192, 8192, 'g 32', 'held 1x4 of 16', 14.66, 14.82, 14.29],
  [1, 8192, 8192, 'g 128', 'held 1x4 of 16', 13.7, 14.09, 13.22],
  [1, 8192, 8192, 'zero16', 'held 1x4 of 16', 13.65, 14.27, 13.24],
  [1, 4096, 4096, 'g 128', 'held 1x4 of 8', 6.01, 7.11, 6.01],
  [1, 37888, 3584, 'g 32', 'held 1x4 of 40', 27.22, 30.18, 25.73],
  [1, 3584, 18944, 'g 32', 'held 1x4 of 8', 16.27, 19.12, 16.15],
  [1, 4608, 3584, 'g 128', 'held 1x4 of 8', 6.47, 9.09, 6.47],
  [2, 8192, 8192, 'g 32', 'held 2x8 of 32', 18.15, 25.26, 18.15],
  [2, 8192, 8192, 'g 128', 'held 2x8 of 32', 17.21, 23.92, 17.21],
  [2, 8192, 8192, 'zero16', 'held 2x8 of 32', 17.35, 23.97, 17.35],
  [2, 4096, 4096, 'g 128', 'held 2x8 of 16', 8.98, 9.15, 7.48],
  [2, 37888, 3584, 'g 32', 'held 2x8 of 80', 34.85, 54.2, 33.31],
  [2, 3584, 18944, 'g 32', 'held 2x8 of 16', 20.45, 32.14, 20.45],
  [2, 4608, 3584, 'g 128', 'held 2x8 of 16', 9.3, 11.93, 8.08],
  [4, 8192, 8192, 'g 32', 'held 4x4 of 16 anew', 25.16, 25.63, 24.85],
  [4, 8192, 8192, 'g 128', 'held 4x4 of 16 anew', 24.83, 25.32, 24.74],
  [4, 8192, 8192, 'zero16', 'held 4x4 of 16 anew', 24.69, 25.39, 24.69],
  [4, 4096, 4096, 'g 128', 'held 4x4 of 8 anew', 9.88, 10.13, 9.7],
  [4, 37888, 3584, 'g 32', 'held 4x8 of 144 anew', 44.58, 65.7, 44.58],
  [4, 3584, 18944, 'g 32', 'skinny 4x2 SK1 SR16 D1 f16 16', 30.21, 30.21, 30.21],
  [4, 4608, 3584, 'g 128', 'held 4x4 of 12 anew', 9.86, 14.87, 9.86],
];

test.each(MEASURED)('a plan that was measured: M = %i, %i x %i, %s', (M, N, K, of, name, us, staged, best) => {
  const s = shape({ N, K, group: of === 'g 32' ? 32 : 128, meta: of === 'zero16' ? of : 'offset16' });
  for (const rows of M === 4 ? [3, 4] : [M]) expect(planName(plan(H200, { ...s, M: rows }))).toBe(name);
  expect(us / staged).toBeLessThan(1.06);
  // Two rows of short K: eight rows of W anew were a fifth faster at 4096 x 4096.
  expect(us / best).toBeLessThan(M === 2 ? 1.21 : 1.06);
});

test('the static plan holds up to four rows of x where that was measured, and else stages them', () => {
  const of = (s: Partial<LinearShape>, caps: Caps = H200) => plan(caps, shape(s));
  const form = { form: 'held', TURNS: 2, PARTS: 1 };
  for (const [M, N, K, held] of [
    [1, 2048, 2048, { MR: 1, NR: 4, BLOCKS: 2 }],
    [1, 151936, 3584, { MR: 1, NR: 4, BLOCKS: 36 }],
    [1, 3584, 18944, { MR: 1, NR: 4, BLOCKS: 2, PARTS: 2 }],
    [2, 2048, 2048, { MR: 2, NR: 8, BLOCKS: 2 }],
    [2, 8192, 16384, { MR: 2, NR: 8, BLOCKS: 8 }],
    [2, 3584, 18944, { MR: 2, NR: 8, BLOCKS: 2, PARTS: 2 }],
    [4, 2048, 2048, { MR: 4, NR: 4, BLOCKS: 1, TURNS: 1 }],
    [4, 151936, 3584, { MR: 4, NR: 8, BLOCKS: 72, TURNS: 1 }],
  ] as const)
    expect(of({ M, N, K })).toEqual({ ...form, ...held });
  // Sums of 72 times 32 and eight subgroups pass the workgroup memory there is.
  for (const s of [{ K: 18976 }, { M: 2, K: 18976 }, { M: 3, K: 8224 }, { M: 4, N: 151936, K: 8192 }])
    expect(of(s).form).toBe('skinny');
  for (const s of [{ N: 2047 }, { K: 2016 }, { group: 16 }, { update: { rank: 32 } }])
    expect(of(s).form).not.toMatch(/held|skinny/);
  expect(of({}, { ...H200, matrix: false, tier: 'subgroup' }).form).toBe('held');
  // Subgroups are counted in 32s, and a workgroup of fewer threads holds less of K.
  expect(of({}, { ...H200, subgroups: { min: 16, max: 32 } }).form).toBe('skinny');
  expect(of({}, { ...H200, subgroups: undefined }).form).toBe('vector');
  expect([4096, 8192].map((K) => of({ K }, { ...H200, maxInvocations: 128 }).form)).toEqual(['held', 'vector']);
});

test('the static plan takes these forms for up to 64 rows of f16 and int4, by what was measured', () => {
  const name = (s: Partial<LinearShape>, caps: Caps = H200) => planName(plan(caps, shape(s)));
  const held = ['held 1x4 of 8', 'held 2x8 of 16', 'held 4x4 of 8 anew'];
  expect([1, 2, 3].map((M) => name({ M }))).toEqual(held);
  for (const M of [1, 2]) expect(name({ M, K: 32768 })).toBe('skinny 1x2 SK1 SR16 D1 f16 16');
  expect(name({ M: 4, N: 4608, K: 32768 })).toBe('skinny 4x2 SK1 SR32 D1 f16 16');
  for (const M of [1, 2]) expect(name({ M, N: 37888, K: 32768 })).toBe('skinny 1x4 SK1 SR8 D1 f16 16');
  for (const M of [5, 16]) {
    expect(name({ M })).toBe('skinny matrix 16x16 SN4 SK2 D2 splits 4');
    expect(name({ M, N: 4608 })).toBe('skinny matrix 16x16 SN4 SK1 D2 splits 4');
  }
  for (const M of [17, 32]) expect(name({ M })).toBe('skinny matrix 32x16 SN4 SK2 D2 splits 2');
  // Few columns of y are few workgroups, so that more of them share K.
  for (const [N, K, splits] of [
    [8192, 8192, 1],
    [4608, 3584, 1],
    [37888, 3584, 1],
    [4096, 4096, 2],
    [3584, 18944, 2],
    [2048, 4096, 4],
  ])
    for (const M of [33, 64]) expect(name({ M, N, K })).toBe(`skinny matrix 64x16 SN4 SK2 D1 splits ${splits}`);

  // Without subgroup matrices, by fours; but not on a CPU's subgroups, nor where one may have 64 threads.
  const subgroup: Caps = { ...H200, tier: 'subgroup', matrix: false };
  expect([1, 2, 4, 31].map((M) => name({ M }, subgroup))).toEqual([...held, 'skinny 4x2 SK1 SR16 D1 f16 16']);
  expect(name({ M: 32 }, subgroup)).toContain('tile');
  for (const max of [4, 16, 64]) expect(name({}, { ...subgroup, subgroups: { min: 4, max } })).toContain('vector');
  expect(name({ M: 64 }, { ...H200, subgroups: { min: 16, max: 32 } })).toContain('tile');
  // Within WebGPU's guaranteed limits K is staged in smaller pieces, and the matrices' stage has no place.
  const small: Caps = { ...H200, maxWorkgroupStorage: 16384, maxInvocations: 256 };
  expect([1, 16].map((M) => plan(small, shape({ M, K: 19456 })))).toMatchObject([
    { form: 'skinny', SR: 8, KT: 7168 },
    { form: 'skinny', SR: 8, KT: 1024 },
  ]);

  // What was not measured is left to the other forms, and an adapter in the product's sums to matrices.
  const others: Partial<LinearShape>[] = [
    ...[{ M: 65 }, { K: 2016 }, { N: 2047 }, { x: 'f32' as const }, { group: 16 }],
    { kind: 'dense', w: 'f16', group: undefined, meta: undefined },
    ...[1, 31, 64].map((M) => ({ M, update: { rank: 32 } })),
  ];
  for (const s of others) expect(name(s)).not.toMatch(/skinny|held/);
  expect(plan(H200, shape({ M: 31, update: { rank: 32 } })).form).toBe('vector');
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
    for (const [MR, NR, TURNS, PARTS] of [
      [1, 8, 2, 1],
      [2, 16, 2, 2],
      [4, 4, 1, 1],
    ] as const)
      texts.push(heldCode(a, s, { form: 'held', MR, NR, BLOCKS: 4, TURNS, PARTS }));
    for (const SPLITS of [1, 2])
      texts.push(skinnyMatrixCode(a, s, { form: 'skinny matrix', FM: 4, FN: 1, SN: 4, SK: 2, D: 1, SPLITS }));
  }
  await compileAll(texts);
});
