import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { rmsNormBackwardRef, rmsNormRef } from './rms_norm.ref.ts';
import { rmsNorm } from './rms_norm.ts';

// [rows, channels, deviation of x]: one of each, primes, SmolLM2's 576, a row longer than a workgroup, large values.
const SHAPES = [
  [1, 1, 1],
  [3, 7, 1],
  [5, 576, 1],
  [131, 97, 100],
  [2, 1031, 1e-3],
  [70001, 4, 1],
];

describeGpus('rms_norm', (gpu) => {
  test.each(SHAPES)('[%d, %d], deviation %d', async (M, C, deviation) => {
    const g = gpu();
    const x = normal(1, M * C, 'f32', deviation);
    const weight = normal(2, C);
    const y = poisoned(g, 'y', g.activation, [M, C]);
    const rows = g.dim('rows', M);
    const copy = C % 2 ? poisoned(g, 'copy', 'f32', [M, C]) : undefined;
    await runOnce(g, (r) =>
      rmsNorm(r, {
        x: toGpu(g, 'x', 'f32', [M, C], x),
        weight: toGpu(g, 'weight', 'f32', [C], weight),
        y,
        copy,
        rows,
        eps: 1e-5,
      }),
    );
    if (copy) expect(await fromGpu(g, copy)).toEqual(x);
    // The sum of C squares is off by at most C roundoffs, its inverse root by half as many;
    // inverseSqrt itself (2 ulp) and three products come on top, then the store's rounding.
    const rtol = (C / 2 + 8) * EPS.f32 + EPS[g.activation];
    expectClose(await fromGpu(g, y), rmsNormRef(x, weight, M, C, 1e-5), rtol, g.caps.f16 ? 2 ** -25 : 1e-37);
  });

  test('rows beyond the count stay untouched', async () => {
    const g = gpu();
    const x = normal(1, 32);
    const copy = poisoned(g, 'copy', 'f32', [4, 8]);
    const y = poisoned(g, 'y', g.activation, [4, 8]);
    await runOnce(g, (r) =>
      rmsNorm(r, {
        x: toGpu(g, 'x', 'f32', [4, 8], x),
        weight: toGpu(g, 'weight', 'f32', [8], normal(2, 8)),
        y,
        copy,
        rows: g.dim('rows', 2),
        eps: 1e-5,
      }),
    );
    const values = await fromGpu(g, y);
    expect(values.slice(0, 16).every(Number.isFinite)).toBe(true);
    expect(values.slice(16).every(Number.isNaN)).toBe(true);
    const copied = await fromGpu(g, copy);
    expect(copied.slice(0, 16)).toEqual(x.slice(0, 16));
    expect(copied.slice(16).every(Number.isNaN)).toBe(true);
  });
});

test('the reference gradient agrees with central differences', () => {
  const [M, C, h] = [2, 5, 1e-5];
  const x = normal(3, M * C);
  const weight = normal(4, C);
  const dy = normal(5, M * C);
  const { dx, dweight } = rmsNormBackwardRef(x, weight, dy, M, C, 1e-5);
  const loss = (x: Float64Array, w: Float64Array) => rmsNormRef(x, w, M, C, 1e-5).reduce((s, y, i) => s + y * dy[i], 0);
  const bump = (a: Float64Array, i: number, by: number) => a.map((v, j) => (j === i ? v + by : v));
  const slope = (f: (by: number) => number) => (f(h) - f(-h)) / (2 * h);
  expectClose(
    dx,
    Float64Array.from(x, (_, i) => slope((by) => loss(bump(x, i, by), weight))),
    1e-6,
    1e-8,
  );
  expectClose(
    dweight,
    Float64Array.from(weight, (_, i) => slope((by) => loss(x, bump(weight, i, by)))),
    1e-6,
    1e-8,
  );
});
