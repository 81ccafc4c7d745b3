import { expect, test } from 'vitest';
import type { Caps } from '../../src/gpu/adapter.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { check, line, random } from './attention.check.ts';
import { matrixCode, matrixFits, matrixShares } from './attention.matrix.ts';
import { plan } from './attention.ts';

// [heads, kvHeads, headDim, lengths]: every width, tile ends, rounds of keys that end early, one query.
const CASES: [number, number, number, number[]][] = [
  [2, 1, 32, [1, 64, 65]],
  [3, 1, 64, [33, 2, 70]],
  [1, 1, 96, [40]],
  [2, 2, 128, [35]],
];

describeMatrixGpu('attention on subgroup matrices', (gpu, emulated) => {
  // A software driver takes seconds to compile each of these: two widths there.
  for (const [heads, kvHeads, headDim, lengths] of CASES)
    test.skipIf(emulated && headDim % 64 > 0)(
      `${heads} heads, ${kvHeads} kv, D ${headDim}, lengths ${lengths}`,
      async () => {
        const shape = { heads, kvHeads, headDim };
        await check(gpu(), shape, [random(gpu(), 1, shape, lengths)]);
      },
    );

  test('scores of hundreds, rising, falling, all very negative, wild', async () => {
    const g = gpu();
    const shape = { heads: 3, kvHeads: 1, headDim: 64 };
    const lines = [
      [4, 20],
      [0.125, 0],
      [-4, 300],
      [0.5, -400],
      [0, -3000],
    ].map(([slope, offset]) => line(g, shape, 70, slope, offset));
    await check(g, shape, [random(g, 20, shape, [70, 3], 9), ...lines]);
  });
});

test('the plan takes subgroup matrices where heads are whole pairs of them', () => {
  const forms = [16, 32, 64, 80, 96, 128, 160].map((headDim) => plan(H200, { heads: 4, kvHeads: 2, headDim }).form);
  expect(forms).toEqual(['plain', 'matrix', 'matrix', 'plain', 'matrix', 'matrix', 'plain']);
  expect(plan(H200, { heads: 4, kvHeads: 2, headDim: 64 })).toEqual({ form: 'matrix', rows: 64 });
});

test.each<[string, Partial<Caps>]>([
  ['no subgroup matrices', { matrix: false }],
  ['subgroups of varying size', { subgroups: { min: 16, max: 32 } }],
  ['16 KiB of workgroup memory', { maxWorkgroupStorage: 16384 }],
])('none with %s', (_, caps) => {
  expect(matrixFits({ ...H200, ...caps }, { heads: 4, kvHeads: 2, headDim: 64 })).toBe(false);
});

test('heads up to 64 channels have a place for K and one for V, wider ones share it', () => {
  expect([32, 64, 96, 128].map(matrixShares)).toEqual([false, false, true, true]);
});

test.skipIf('Deno' in globalThis)('every width compiles, written out and not', async () => {
  const shapes = [32, 64, 96, 128].map((headDim) => ({ heads: 14, kvHeads: 2, headDim }));
  await compileAll(shapes.flatMap((s) => [true, false].map((loops) => matrixCode(s, loops))));
});
