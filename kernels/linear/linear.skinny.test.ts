import { expect, test } from 'vitest';
import type { Caps } from '../../src/gpu/adapter.ts';
import { describeGpus } from '../../test/gpus.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS } from '../../test/numeric.ts';
import { planName } from './linear.candidates.ts';
import { heldCode } from './linear.held.ts';
import { plan } from './linear.product.ts';
import {
  planSkinny,
  planStaged,
  type SkinnyMatrixPlan,
  type SkinnyPlan,
  skinnyCode,
  skinnyMatrixCode,
} from './linear.skinny.ts';
import type { Linear, LinearShape } from './linear.types.ts';
import { type Case, chained, run, shape } from './skinny.check.ts';

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

test('the static plan takes these forms for up to 64 rows of f16 and int4, by what was measured', () => {
  const name = (s: Partial<LinearShape>, caps: Caps = H200) => planName(plan(caps, shape(s)));
  const held = ['held 1x4 of 8', 'held 2x8 of 8 anew', 'held 4x4 of 8 anew'];
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
