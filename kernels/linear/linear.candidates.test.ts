/** Which plans a tuning may choose from, that it is asked, and that each of them computes the same. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Caps, PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { openTestGpu, testGpus } from '../../test/gpus.ts';
import { H200 } from '../../test/matrix_gpus.ts';
import { alternatives, planName, tuningKey } from './linear.candidates.ts';
import { named, run, shapeOfCase } from './linear.check.ts';
import { heldFits } from './linear.held.ts';
import { matrixFits, matrixPlans } from './linear.matrix.ts';
import { candidates, type Plan, plan, planFor } from './linear.product.ts';
import { skinnyFits, skinnyMatrixFits } from './linear.skinny.ts';
import type { LinearShape } from './linear.types.ts';

const SMALL: Caps = { ...PORTABLE_CAPS, tier: 'subgroup', f16: true, subgroups: { min: 8, max: 32 } };
const CAPS: readonly [string, Caps][] = [
  ['portable', PORTABLE_CAPS],
  ['guaranteed limits', SMALL],
  ['subgroups of 4', { ...SMALL, subgroups: { min: 4, max: 4 } }],
  ['a CPU', { ...SMALL, subgroups: { min: 8, max: 8 }, maxWorkgroupStorage: 32768, maxInvocations: 1024 }],
  ['subgroups of 32', { ...SMALL, subgroups: { min: 32, max: 32 }, maxWorkgroupStorage: 32768, maxInvocations: 1024 }],
  ['an H200', H200],
  ['subgroup matrices and guaranteed limits', { ...H200, maxWorkgroupStorage: 16384, maxInvocations: 256 }],
];

const shape = (s: Partial<LinearShape> = {}): LinearShape => {
  const q4 = { kind: 'q4', w: 'u32', group: 32, meta: 'offset16' } as const;
  return { M: 16, N: 1536, K: 1024, ...q4, x: 'f16', y: 'f16', ldy: s.N ?? 1536, column: 0, ...s };
};
const forms = (caps: Caps, s: LinearShape) => [...new Set(candidates(caps, s).map((p) => p.form))];

/** Threads and bytes of workgroup memory that a plan takes, counted from its WGSL. */
function takes(p: Plan, s: LinearShape): { threads: number; bytes: number } {
  switch (p.form) {
    case 'tile': {
      const vectors = p.BK * (p.TM / 4 + 1) + p.BK * (p.TN / 4 + 1);
      return { threads: p.WG, bytes: vectors * (p.stage === 'f16' ? 8 : 16) };
    }
    case 'lanes':
      return { threads: p.WG, bytes: 0 };
    case 'vector': {
      const sums = p.MR * p.NR;
      return { threads: p.WG, bytes: 4 * (p.subgroups ? sums * p.subgroups : p.WG * sums + p.WG) };
    }
    case 'matrix': {
      const { BM, BN, BK, WM, WN, SLICES } = p.tile;
      return { threads: (BM / WM) * (BN / WN) * SLICES * 32, bytes: 16 * (BM + BN) * (BK / 8 + 1) };
    }
    case 'tall':
      return { threads: (p.BM / p.WM) * (p.BN / p.WN) * 32, bytes: 2 * 16 * p.BN * 9 };
    case 'skinny': {
      const chunks = p.KT / 32;
      const partial = p.MR * p.NR * p.SK * p.SR * (32 / p.SMALLEST);
      return { threads: 32 * p.SK * p.SR, bytes: 64 * p.MR * chunks + 8 * p.MR * chunks + 4 * partial };
    }
    case 'held': {
      const warps = Math.ceil(s.K / 1024 / p.PARTS);
      return { threads: 32 * warps, bytes: 4 * p.BLOCKS * p.MR * p.NR * warps };
    }
    case 'skinny matrix':
      expect(s.M).toBeLessThanOrEqual(64);
      return { threads: 32 * p.SN * p.SK, bytes: 16 * 9 * p.SK * (16 * p.FM + p.SN * 16 * p.FN) };
  }
}

test.each(CAPS)('%s: every candidate fits its limits and its layout', (_, caps) => {
  const act = caps.f16 ? 'f16' : 'f32';
  for (const M of [1, 2, 3, 16, 17, 31, 32, 64, 65, 16384])
    for (const N of [1, 33, 64, 1536, 151936])
      for (const K of [32, 40, 576, 4096, 18944])
        for (const stored of [{}, { group: 8 }, { kind: 'dense', w: 'f16' }, { kind: 'dense', w: 'f32' }] as const) {
          const s = shape({ M, N, K, x: act, y: act, ...stored });
          const all = candidates(caps, s);
          expect(all[0]).toEqual(plan(caps, s));
          expect(new Set(all.map(planName)).size).toBe(all.length);
          for (const p of all) {
            const { threads, bytes } = takes(p, s);
            if (threads > caps.maxInvocations || bytes > caps.maxWorkgroupStorage)
              throw new Error(`${planName(p)} takes ${threads} threads and ${bytes} bytes`);
            if (p.form === 'tile') expect(p.WG * 16 * p.BM * p.BN).toBe(p.TM * p.TN);
            if (p.form === 'vector') expect([p.WG % (p.MR * p.NR), s.K % 4]).toEqual([0, 0]);
            if (p.form === 'matrix') expect(matrixFits(caps, s, p.tile)).toBe(true);
            if (p.form === 'skinny') expect(skinnyFits(caps, s, p)).toBe(true);
            if (p.form === 'held') expect(heldFits(caps, s, p)).toBe(true);
            if (p.form === 'skinny matrix') expect(skinnyMatrixFits(caps, s, p)).toBe(true);
          }
        }
});

test('a tuning may choose skinny forms for up to 64 rows, where the static plan does not too', () => {
  for (const M of [1, 4, 16, 64]) {
    expect(plan(H200, shape({ M })).form).not.toContain('skinny');
    expect(forms(H200, shape({ M })).filter((form) => form.startsWith('skinny'))).toEqual(['skinny', 'skinny matrix']);
  }
  expect(forms(H200, shape({ M: 65 })).some((form) => form.startsWith('skinny'))).toBe(false);
  expect(forms(SMALL, shape({ M: 4 }))).toEqual(['vector', 'tile', 'skinny']);
  expect(forms(H200, shape({ M: 4, kind: 'dense', w: 'f32' })).some((form) => form.startsWith('skinny'))).toBe(false);
});

test('all forms on subgroup matrices that fit, and nothing else where they sum an adapter', () => {
  const s = shape({ M: 4096, N: 4096, K: 4096 });
  expect(candidates(H200, s).filter((p) => p.form === 'matrix').length).toBe(matrixPlans().length);
  const adapted = { ...s, update: { rank: 32 } };
  expect(forms(H200, adapted)).toEqual(['tall', 'matrix']);
  expect(alternatives(SMALL, adapted)).toEqual([]);
});

test('lanes are for CPUs', () => {
  for (const [name, caps] of CAPS) expect(forms(caps, shape()).includes('lanes')).toBe(name === 'a CPU');
});

test('a key has all that plans depend on, and of the columns of y whether they are aligned', () => {
  const s = shape();
  const others: Partial<LinearShape>[] = [
    ...[{ M: 17 }, { N: 1540 }, { K: 1056 }, { group: 64 }, { meta: 'zero16' as const }, { x: 'f32' as const }],
    ...[{ y: 'f32' as const }, { ldy: 1537 }, { column: 2, ldy: 1540 }, { update: { rank: 16 } }],
    { update: { rank: 16, widths: [1024, 512] } },
    { kind: 'dense', w: 'f16', group: undefined, meta: undefined },
  ];
  const keys = others.map((change) => tuningKey({ ...s, ...change }));
  expect(new Set([tuningKey(s), ...keys]).size).toBe(others.length);
  expect(tuningKey({ ...s, ldy: 4096, column: 512 })).toBe(tuningKey(s));
  const again = JSON.parse(tuningKey({ ...s, ldy: 4096, column: 2 })) as LinearShape;
  expect(tuningKey(again)).toBe(tuningKey({ ...s, ldy: 1537, column: 0 }));
});

test('a tuned plan is taken where it fits, else the static one', () => {
  const s = shape({ M: 4 });
  const gpu = (caps: Caps, name: string, of = s) =>
    ({ caps, tuning: new Map([[tuningKey(of), name]]) }) as unknown as Gpu;
  const skinny = candidates(H200, s).find((p) => p.form === 'skinny')!;
  const name = planName(skinny);
  expect(planFor(gpu(H200, name), s)).toEqual(skinny);
  expect(planFor(gpu(H200, name), shape({ M: 5 }))).toEqual(plan(H200, shape({ M: 5 })));
  expect(planFor(gpu(PORTABLE_CAPS, name), s)).toEqual(plan(PORTABLE_CAPS, s));
  expect(planFor(gpu(H200, 'tile 7x7x7 of 4x4'), s)).toEqual(plan(H200, s));
  expect(planFor({ caps: H200 } as Gpu, s)).toEqual(plan(H200, s));
  // Few rows: the static plan sums the adapter apart, whatever a file says.
  const adapted = { ...shape({ M: 31 }), update: { rank: 32 } };
  expect(planFor(gpu(H200, 'matrix 64x64x32 of 32x32', adapted), adapted).form).toBe('vector');
});

// Every plan is a text of its own, and lavapipe takes seconds to compile one: here it is told not to optimise, and given
// a third of those that differ in numbers only. SwiftShader is quick, and has them all, on the portable tier.
for (const on of testGpus().filter(({ name }) => name !== 'lavapipe portable'))
  describe(`plans that a tuning may choose on ${on.name}`, () => {
    let gpu: Gpu;
    beforeAll(async () => {
      process.env.GALLIVM_PERF = 'nopt';
      gpu = await openTestGpu({ ...on, width: on.width && 128 });
    });
    afterAll(() => gpu?.close());
    const all = /swiftshader|native/.test(on.name);
    const some = (p: Plan, i: number) => all || i % 3 === 0 || p.form === 'skinny';

    test.each(
      named([
        { M: 5, N: 33, K: 96, w: 'zero16 32', bias: true },
        { M: 67, N: 68, K: 96, w: 'zero16 32', rows: 66 },
        { M: 2, N: 37, K: 20, w: 'f32', y: 'f32', before: 1 },
      ]),
    )('%s', async (_, c) => {
      const plans = candidates(gpu.caps, shapeOfCase(gpu, c)).filter(some);
      expect(plans.length).toBeGreaterThan(1);
      for (const p of plans) expect((await run(gpu, c, p))[0]).toContain(p.form);
    });
  });
