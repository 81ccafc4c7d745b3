import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { l2NormalizeBackwardRef, l2NormalizeRef } from './l2_normalize.ref.ts';
import { l2Normalize } from './l2_normalize.ts';

// [rows, channels, deviation of x]
const SHAPES = [
  [1, 1, 1],
  [3, 7, 1],
  [131, 97, 1000],
  [5, 576, 1e-6],
  [2, 1031, 1],
];

describeGpus('l2_normalize', (gpu) => {
  test.each(SHAPES)('[%d, %d], deviation %d', async (S, C, deviation) => {
    const g = gpu();
    const values = normal(1, S * C, 'f32', deviation);
    const x = toGpu(g, 'x', 'f32', [S, C], values);
    const y = poisoned(g, 'y', 'f32', [S + 1, C]);
    await runOnce(g, (r) => l2Normalize(r, { x, y, rows: g.dim('rows', S) }));
    // The sum of C squares is off by at most C + 1 roundoffs, its root by half as many; WGSL's sqrt
    // (as 1 / inverseSqrt: 4.5 units of 2^-23) and quotient (2.5 units) come on top.
    const rtol = (C / 2 + 15) * EPS.f32;
    const result = await fromGpu(g, y);
    expectClose(result.slice(0, S * C), l2NormalizeRef(values, S, C), rtol, 1e-37);
    expect(result.slice(S * C).every(Number.isNaN)).toBe(true);
    g.free(x, y);
  });

  test('a row of zeros stays zero, and a tiny one is divided by the least length', async () => {
    const g = gpu();
    const values = Float64Array.from([0, 0, 3e-14, -4e-14], Math.fround);
    const x = toGpu(g, 'x', 'f32', [2, 2], values);
    const y = poisoned(g, 'y', 'f32', [2, 2]);
    await runOnce(g, (r) => l2Normalize(r, { x, y, rows: g.dim('rows', 2) }));
    expectClose(await fromGpu(g, y), l2NormalizeRef(values, 2, 2), 8 * EPS.f32, 0);
    g.free(x, y);
  });
});

test.each([1, 1e-13])('the reference gradient agrees with central differences, deviation %d', (deviation) => {
  const [S, C, h] = [2, 5, 1e-5 * deviation];
  const x = normal(3, S * C, 'f32', deviation);
  const dy = normal(4, S * C);
  const loss = (x: Float64Array) => l2NormalizeRef(x, S, C).reduce((s, y, i) => s + y * dy[i], 0);
  const bump = (i: number, by: number) => x.map((v, j) => (j === i ? v + by : v));
  const slopes = Float64Array.from(x, (_, i) => (loss(bump(i, h)) - loss(bump(i, -h))) / (2 * h));
  expectClose(l2NormalizeBackwardRef(x, dy, S, C), slopes, 1e-6, 1e-8 / deviation);
});
