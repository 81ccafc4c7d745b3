import { expect, test } from 'vitest';
import { PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import { describeGpus } from '../../test/gpus.ts';
import { expectClose, normal } from '../../test/numeric.ts';
import { check, line, random } from './attention.check.ts';
import { attentionBackwardRef, attentionRef } from './attention.ref.ts';
import { plan } from './attention.ts';

// [heads, kvHeads, headDim, lengths]: one of each; every split of D over threads; ratios 1, 2, 3, 7; tile ends.
const CASES: [number, number, number, number[]][] = [
  [1, 1, 8, [1]],
  [3, 1, 16, [1, 7, 33, 128, 2]],
  [2, 2, 24, [31, 32, 65]],
  [9, 3, 64, [1, 7, 33, 70, 2]],
  [7, 1, 80, [40, 1, 32]],
  [4, 2, 128, [33, 20]],
  [1, 1, 256, [9, 35]],
  [1, 1, 8, [2100]],
];

describeGpus('attention', (gpu) => {
  test.each(CASES)('%d heads, %d kv, D %d, lengths %j', async (heads, kvHeads, headDim, lengths) => {
    const shape = { heads, kvHeads, headDim };
    await check(gpu(), shape, [random(gpu(), 1, shape, lengths)]);
  });

  test('one recording, batch after batch', async () => {
    const shape = { heads: 3, kvHeads: 1, headDim: 16 };
    const batches = [[5, 40], [97], [1, 1, 1], [33, 64]];
    await check(
      gpu(),
      shape,
      batches.map((lengths, i) => random(gpu(), 10 + i, shape, lengths)),
    );
  });

  test('scores of hundreds, rising, falling and all very negative', async () => {
    const g = gpu();
    const shape = { heads: 3, kvHeads: 1, headDim: 16 };
    const wild = random(g, 20, shape, [70, 3], 9);
    const lines = [
      [4, 20],
      [-4, 300],
      [0.5, -400],
      [0, -3000],
    ].map(([slope, offset]) => line(g, shape, 70, slope, offset));
    await check(g, shape, [wild, ...lines]);
  });
});

test('the plan stays within the portable workgroup memory and splits heads evenly', () => {
  for (let headDim = 8; headDim <= 256; headDim += 8) {
    const p = plan(PORTABLE_CAPS, { heads: 14, kvHeads: 2, headDim });
    if (p.form !== 'plain') throw new Error(`${p.form} without subgroup matrices`);
    expect(4 * p.keys * (headDim + p.parts * p.rows)).toBeLessThanOrEqual(16384);
    expect([headDim % (4 * p.parts), p.rows % p.each]).toEqual([0, 0]);
    expect(p.keys).toBeGreaterThanOrEqual(8);
  }
  const smollm2 = plan(PORTABLE_CAPS, { heads: 9, kvHeads: 3, headDim: 64 });
  expect(smollm2).toEqual({ form: 'plain', rows: 32, each: 2, parts: 4, keys: 20 });
});

test.each([
  { heads: 4, kvHeads: 3, headDim: 64 },
  { heads: 4, kvHeads: 4, headDim: 20 },
  { heads: 4, kvHeads: 4, headDim: 264 },
])('the plan refuses %j', (shape) => {
  expect(() => plan(PORTABLE_CAPS, shape)).toThrow('attention');
});

test('the reference gradient agrees with central differences', () => {
  const shape = { heads: 4, kvHeads: 2, headDim: 3 };
  const starts = [0, 4, 5];
  const qkv = normal(3, 5 * 24);
  const dy = normal(4, 5 * 12);
  const h = 1e-5;
  const loss = (x: Float64Array) => attentionRef(x, starts, shape).reduce((s, y, i) => s + y * dy[i], 0);
  const bump = (i: number, by: number) => qkv.map((v, j) => (j === i ? v + by : v));
  const slopes = Float64Array.from(qkv, (_, i) => (loss(bump(i, h)) - loss(bump(i, -h))) / (2 * h));
  expectClose(attentionBackwardRef(qkv, dy, starts, shape), slopes, 1e-6, 1e-8);
});
