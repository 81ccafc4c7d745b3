import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, runOnce, toGpu } from '../../test/numeric.ts';
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
    // One row more than is counted: it must stay as it was.
    const dy = normal(1, (T + 1) * width, g.activation, 3);
    const qkv = toGpu(g, 'dqkv', g.activation, [T + 1, width], dy);
    const positions = toGpu(g, 'positions', 'u32', [T], places);
    const table = ropeTable(g, Math.max(...places) + 1, headDim, theta);
    const call = { qkv, positions, table, rows: g.dim('rows', T), heads, kvHeads, headDim };
    const ran = await runOnce(g, (r) => ropeBackward(r, call));
    expect(ran.map((d) => d.label)).toEqual(['rope backward']);
    const got = await fromGpu(g, qkv);
    const expected = ropeBackwardRef(dy.slice(0, T * width), places, { heads, kvHeads, headDim, theta });
    // Two products of numbers with rounded factors, then their sum: 3 roundoffs of |a| + |b|.
    const atol = expected.map((_, i) => {
      const within = i % headDim;
      const partner = within < headDim / 2 ? i + headDim / 2 : i - headDim / 2;
      return 3 * EPS.f32 * (Math.abs(dy[i]) + Math.abs(dy[partner])) + (g.caps.f16 ? 2 ** -25 : 0);
    });
    expectClose(got.slice(0, T * width), expected, EPS[g.activation], atol);
    expect(got.slice(T * width)).toEqual(dy.slice(T * width));
    const v = (heads + kvHeads) * headDim;
    for (let t = 0; t < T; t++)
      expect(got.slice(t * width + v, (t + 1) * width)).toEqual(dy.slice(t * width + v, (t + 1) * width));
  });
});
