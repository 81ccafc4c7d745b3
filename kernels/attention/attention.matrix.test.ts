import { expect, test } from 'vitest';
import type { Caps } from '../../src/gpu/adapter.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { check, line, random, startsOf } from './attention.check.ts';
import { forwardTiles, matrixCode, matrixFits, matrixShares } from './attention.matrix.ts';
import { plan } from './attention.ts';

// [heads, kvHeads, headDim, lengths]: every width, tile ends, rounds of keys that end early, one query; sequences that are
// short, a little too long for it, and both.
const CASES: [number, number, number, number[]][] = [
  [2, 1, 32, [1, 64, 65]],
  [3, 1, 64, [33, 2, 70]],
  [2, 1, 64, [15, 65, 16, 1, 17, 63, 31, 64, 32, 200, 33]],
  [1, 1, 64, Array.from({ length: 150 }, (_, i) => 1 + ((7 * i) % 19))],
  [2, 1, 32, [15, 16, 17, 32, 31]],
  [1, 1, 96, [40]],
  [2, 2, 128, [35]],
];

describeMatrixGpu('attention on subgroup matrices', (gpu, emulated) => {
  // A software driver takes seconds to compile each of these: three widths there.
  for (const [heads, kvHeads, headDim, lengths] of CASES)
    test.skipIf(emulated && headDim === 96)(
      `${heads} heads, ${kvHeads} kv, D ${headDim}, lengths ${lengths.slice(0, 12)}`,
      async () => {
        const shape = { heads, kvHeads, headDim };
        await check(gpu(), shape, [random(gpu(), 1, shape, lengths)]);
      },
    );

  test('a sequence has the same bits alone and in a batch', async () => {
    const shape = { heads: 3, kvHeads: 1, headDim: 64 };
    const width = 5 * 64;
    const batch = random(gpu(), 5, shape, [40, 15, 31, 16, 66, 3]);
    const starts = startsOf(batch.lengths);
    const alone = batch.lengths.map((n, s) => ({
      lengths: [n],
      values: batch.values.slice(starts[s] * width, starts[s + 1] * width),
    }));
    const [together, ...each] = await check(gpu(), shape, [batch, ...alone]);
    expect(each.flatMap((y) => [...y])).toEqual([...together]);
  });

  test('scores of hundreds, rising, falling, all very negative, wild', async () => {
    const g = gpu();
    const shape = { heads: 3, kvHeads: 1, headDim: 64 };
    const lines = [
      [4, 20],
      [0.125, 0],
      [-4, 300],
      [0.5, -400],
      [0, -3000],
    ].flatMap(([slope, offset]) => [70, 30].map((n) => line(g, shape, n, slope, offset)));
    await check(g, shape, [random(g, 20, shape, [70, 3, 32], 9), ...lines]);
  });
});

test('the plan takes subgroup matrices where heads are whole pairs of them', () => {
  const forms = [16, 32, 64, 80, 96, 128, 160].map((headDim) => plan(H200, { heads: 4, kvHeads: 2, headDim }).form);
  expect(forms).toEqual(['plain', 'matrix', 'matrix', 'plain', 'matrix', 'matrix', 'plain']);
  expect(plan(H200, { heads: 4, kvHeads: 2, headDim: 64 })).toEqual({ form: 'matrix' });
});

test.each<[string, Partial<Caps>]>([
  ['no subgroup matrices', { matrix: false }],
  ['subgroups of varying size', { subgroups: { min: 16, max: 32 } }],
  ['16 KiB of workgroup memory', { maxWorkgroupStorage: 16384 }],
])('none with %s', (_, caps) => {
  expect(matrixFits({ ...H200, ...caps }, { heads: 4, kvHeads: 2, headDim: 64 })).toBe(false);
});

test('every sequence is in tiles of one kind, by its length', () => {
  for (const headDim of [32, 64, 96, 128])
    for (const n of [1, 16, 32, 33, 64, 200]) {
      const kinds = forwardTiles(headDim).filter(({ over = 0, upTo = n }) => over < n && n <= upTo);
      expect(kinds.map((tile) => tile.rows)).toEqual([headDim <= 64 && n <= 32 ? 16 : 64]);
    }
});

test('heads up to 64 channels have a place for K and one for V, wider ones share it', () => {
  expect([32, 64, 96, 128].map((D) => matrixShares(D))).toEqual([false, false, true, true]);
});

test.skipIf('Deno' in globalThis)('every width compiles, written out and not', async () => {
  const shapes = [32, 64, 96, 128].map((headDim) => ({ heads: 14, kvHeads: 2, headDim }));
  const texts = (loops: boolean) =>
    shapes.flatMap((s) => forwardTiles(s.headDim).map((tile) => matrixCode(s, tile, loops)));
  await compileAll([...texts(true), ...texts(false)]);
});
