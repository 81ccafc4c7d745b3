import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { ropeBackwardRef } from './rope.ref.ts';
import { ropeBackward, ropeTable } from './rope.ts';

// [heads, kvHeads, headDim, theta, positions]
const SHAPES: [number, number, number, number, number[]][] = [
  [1, 1, 8, 1e4, [3]],
  [9, 3, 64, 1e5, [8191, 5, 0]],
  [7, 1, 80, 1e6, [32767, 1, 20000, 3, 4, 5]],
];

describeGpus('rope backward', (gpu) => {
  test.each(SHAPES)('%d heads, %d kv, D %d, theta %d, positions %j', async (heads, kvHeads, headDim, theta, places) => {
    const g = gpu();
    const T = places.length;
    const width = (heads + 2 * kvHeads) * headDim;
    const dy = normal(1, T * width, g.activation, 3);
    const x = toGpu(g, 'dy', g.activation, [T, width], dy);
    // One row more than is counted: it must stay as it was.
    const y = poisoned(g, 'dx', g.activation, [T + 1, width]);
    const positions = toGpu(g, 'positions', 'u32', [T], places);
    const table = ropeTable(g, Math.max(...places) + 1, headDim, theta);
    const call = { x, y, positions, table, rows: g.dim('rows', T), heads, kvHeads, headDim };
    const ran = await runOnce(g, (r) => ropeBackward(r, call));
    expect(ran.map((d) => d.label)).toEqual(['rope backward']);
    const got = await fromGpu(g, y);
    const expected = ropeBackwardRef(dy, places, { heads, kvHeads, headDim, theta });
    // Two products of numbers with rounded factors, then their sum: 3 roundoffs of |a| + |b|.
    const atol = expected.map((_, i) => {
      const within = i % headDim;
      const partner = within < headDim / 2 ? i + headDim / 2 : i - headDim / 2;
      return 3 * EPS.f32 * (Math.abs(dy[i]) + Math.abs(dy[partner])) + (g.caps.f16 ? 2 ** -25 : 0);
    });
    expectClose(got.slice(0, T * width), expected, EPS[g.activation], atol);
    expect(got.slice(T * width).every(Number.isNaN)).toBe(true);
    const v = (heads + kvHeads) * headDim;
    for (let t = 0; t < T; t++)
      expect(got.slice(t * width + v, (t + 1) * width)).toEqual(dy.slice(t * width + v, (t + 1) * width));
  });
});
