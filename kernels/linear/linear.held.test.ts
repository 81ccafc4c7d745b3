import { expect, test } from 'vitest';
import type { Caps } from '../../src/gpu/adapter.ts';
import { describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { planName } from './linear.candidates.ts';
import { type HeldPlan, heldFits, heldPlan } from './linear.held.ts';
import { plan } from './linear.product.ts';
import { planSkinny } from './linear.skinny.ts';
import type { LinearShape } from './linear.types.ts';
import { type Case, chained, run, shape } from './skinny.check.ts';

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
  [1, 8192, 8192, 'g 32', 'held 1x16 of 32', 14.44, 14.82, 14.29],
  [1, 8192, 8192, 'g 128', 'held 1x16 of 32', 13.22, 14.09, 13.22],
  [1, 8192, 8192, 'zero16', 'held 1x16 of 32', 13.24, 14.27, 13.24],
  [1, 4096, 4096, 'g 128', 'held 1x4 of 8', 6.01, 7.11, 6.01],
  [1, 37888, 3584, 'g 32', 'held 1x4 of 36 anew', 25.73, 30.18, 25.73],
  [1, 3584, 18944, 'g 32', 'held 1x4 of 8', 16.27, 19.12, 16.15],
  [1, 4608, 3584, 'g 128', 'held 1x4 of 8', 6.47, 9.09, 6.47],
  [2, 8192, 8192, 'g 32', 'held 2x8 of 32', 18.15, 25.26, 18.15],
  [2, 8192, 8192, 'g 128', 'held 2x8 of 32', 17.21, 23.92, 17.21],
  [2, 8192, 8192, 'zero16', 'held 2x8 of 32', 17.35, 23.97, 17.35],
  [2, 4096, 4096, 'g 128', 'held 2x8 of 8 anew', 7.48, 9.15, 7.48],
  [2, 37888, 3584, 'g 32', 'held 2x8 of 72 anew', 33.31, 54.2, 33.31],
  [2, 3584, 18944, 'g 32', 'held 2x8 of 16', 20.45, 32.14, 20.45],
  [2, 4608, 3584, 'g 128', 'held 2x8 of 16 anew', 8.93, 11.93, 8.08],
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
  // Two rows of 4608 columns: four rows of W are a tenth faster, and a fifth slower at 37888.
  expect(us / best).toBeLessThan(M === 2 ? 1.11 : 1.06);
});

test('the static plan holds up to four rows of x where that was measured, and else stages them', () => {
  const of = (s: Partial<LinearShape>, caps: Caps = H200) => plan(caps, shape(s));
  const form = { form: 'held', TURNS: 2, PARTS: 1 };
  for (const [M, N, K, held] of [
    [1, 2048, 2048, { MR: 1, NR: 4, BLOCKS: 2 }],
    [1, 151936, 3584, { MR: 1, NR: 4, BLOCKS: 36, TURNS: 1 }],
    [1, 3584, 18944, { MR: 1, NR: 4, BLOCKS: 2, PARTS: 2 }],
    [2, 2048, 2048, { MR: 2, NR: 8, BLOCKS: 1, TURNS: 1 }],
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
