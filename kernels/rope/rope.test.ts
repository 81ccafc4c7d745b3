import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { ropeBackwardRef, ropeRef } from './rope.ref.ts';
import { rope, ropeTable } from './rope.ts';

// [heads, kvHeads, headDim, theta, positions]: one of each, SmolLM2's and Qwen2.5's thetas, angles of 32k radians.
const SHAPES: [number, number, number, number, number[]][] = [
  [1, 1, 8, 1e4, [0]],
  [3, 1, 16, 1e5, [0, 1, 2, 0, 7]],
  [9, 3, 64, 1e5, [8191, 5, 0]],
  [7, 1, 80, 1e6, [32767, 32766, 1, 20000, 3, 4, 5]],
  [2, 2, 256, 1e6, [1, 300]],
];

describeGpus('rope', (gpu) => {
  test.each(SHAPES)('%d heads, %d kv, D %d, theta %d, positions %j', async (heads, kvHeads, headDim, theta, places) => {
    const g = gpu();
    const T = places.length;
    const width = (heads + 2 * kvHeads) * headDim;
    // From f32, as the decoder does, and from what the tier stores.
    for (const dtype of new Set(['f32', g.activation] as const)) {
      const values = normal(1, T * width, dtype, 3);
      const x = toGpu(g, 'x', dtype, [T, width], values);
      // One row more than is counted: it must stay as it was.
      const y = poisoned(g, 'y', g.activation, [T + 1, width]);
      const positions = toGpu(g, 'positions', 'u32', [T], places);
      const table = ropeTable(g, Math.max(...places) + 1, headDim, theta);
      await runOnce(g, (r) => rope(r, { x, y, positions, table, rows: g.dim('rows', T), heads, kvHeads, headDim }));
      // Each of two products of numbers with rounded factors, then their sum: 3 roundoffs of |a| + |b|.
      const atol = Float64Array.from(values, (_, i) => {
        const within = i % headDim;
        const partner = within < headDim / 2 ? i + headDim / 2 : i - headDim / 2;
        return 3 * EPS.f32 * (Math.abs(values[i]) + Math.abs(values[partner])) + (g.caps.f16 ? 2 ** -25 : 0);
      });
      const got = await fromGpu(g, y);
      const expected = ropeRef(values, places, { heads, kvHeads, headDim, theta });
      expectClose(got.slice(0, T * width), expected, EPS[g.activation], atol);
      expect(got.slice(T * width).every(Number.isNaN)).toBe(true);
      const v = (heads + kvHeads) * headDim;
      if (dtype === g.activation)
        for (let t = 0; t < T; t++)
          expect(got.slice(t * width + v, (t + 1) * width)).toEqual(values.slice(t * width + v, (t + 1) * width));
      g.free(x, y, positions, table);
    }
  });
});

test('the reference gradient agrees with central differences', () => {
  const shape = { heads: 2, kvHeads: 1, headDim: 8, theta: 1e4 };
  const positions = [3, 11];
  const x = normal(3, 2 * 32);
  const dy = normal(4, 2 * 32);
  const h = 1e-5;
  const loss = (x: Float64Array) => ropeRef(x, positions, shape).reduce((s, y, i) => s + y * dy[i], 0);
  const bump = (i: number, by: number) => x.map((v, j) => (j === i ? v + by : v));
  const slopes = Float64Array.from(x, (_, i) => (loss(bump(i, h)) - loss(bump(i, -h))) / (2 * h));
  expectClose(ropeBackwardRef(dy, positions, shape), slopes, 1e-6, 1e-8);
});
