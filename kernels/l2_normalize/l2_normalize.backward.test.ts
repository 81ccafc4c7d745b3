import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { l2NormalizeBackward } from './l2_normalize.backward.ts';
import { l2NormalizeBackwardRef } from './l2_normalize.ref.ts';

describeGpus('l2_normalize backward', (gpu) => {
  // [rows, channels, deviation of x]
  test.each([
    [1, 1, 1],
    [131, 97, 100],
    [5, 576, 1],
    [2, 1031, 1e-6],
  ])('[%d, %d], deviation %d', async (S, C, deviation) => {
    const g = gpu();
    const [x, dy] = [normal(1, S * C, 'f32', deviation), normal(2, S * C)];
    const dx = poisoned(g, 'dx', 'f32', [S + 1, C]);
    const call = {
      x: toGpu(g, 'x', 'f32', [S, C], x),
      dy: toGpu(g, 'dy', 'f32', [S, C], dy),
      dx,
      rows: g.dim('rows', S),
    };
    const ran = await runOnce(g, (r) => l2NormalizeBackward(r, call));
    expect(ran.map((d) => d.label)).toEqual(['l2_normalize backward']);
    const got = await fromGpu(g, dx);
    // Two sums, one of them under a root and taken three times, made by at least 64 threads, C / 64 terms each, and
    // added by halves; two dozen roundoffs more.
    const atol = new Float64Array(S * C);
    for (let s = 0; s < S; s++) {
      let [squares, along] = [0, 0];
      for (let c = 0; c < C; c++) {
        squares += x[s * C + c] ** 2;
        along += Math.abs(x[s * C + c] * dy[s * C + c]);
      }
      for (let i = s * C; i < (s + 1) * C; i++)
        atol[i] =
          ((2.5 * (Math.ceil(C / 64) + 8) + 24) * EPS.f32 * (Math.abs(dy[i]) + (along * Math.abs(x[i])) / squares)) /
          Math.sqrt(squares);
    }
    expectClose(got.slice(0, S * C), l2NormalizeBackwardRef(x, dy, S, C), 0, atol);
    expect(got.slice(S * C).every(Number.isNaN)).toBe(true);
  });

  test('rows of zeros pass dy on, divided by the least length', async () => {
    const g = gpu();
    const dx = poisoned(g, 'dx', 'f32', [1, 8]);
    const dy = normal(2, 8, 'f32', 1e-12);
    const x = new Float64Array(8);
    const call = {
      x: toGpu(g, 'x', 'f32', [1, 8], x),
      dy: toGpu(g, 'dy', 'f32', [1, 8], dy),
      dx,
      rows: g.dim('rows', 1),
    };
    await runOnce(g, (r) => l2NormalizeBackward(r, call));
    expectClose(await fromGpu(g, dx), l2NormalizeBackwardRef(x, dy, 1, 8), 1e-6, 0);
  });
});
