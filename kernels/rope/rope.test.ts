import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, runOnce, toGpu } from '../../test/numeric.ts';
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
    const x = normal(1, T * width, g.activation, 3);
    const qkv = toGpu(g, 'qkv', g.activation, [T, width], x);
    const positions = toGpu(g, 'positions', 'u32', [T], places);
    const table = ropeTable(g, Math.max(...places) + 1, headDim, theta);
    await runOnce(g, (r) => rope(r, { qkv, positions, table, rows: g.dim('rows', T), heads, kvHeads, headDim }));
    // Each of two products of numbers with rounded factors, then their sum: 3 roundoffs of |a| + |b|.
    const atol = Float64Array.from(x, (_, i) => {
      const within = i % headDim;
      const partner = within < headDim / 2 ? i + headDim / 2 : i - headDim / 2;
      return 3 * EPS.f32 * (Math.abs(x[i]) + Math.abs(x[partner])) + (g.caps.f16 ? 2 ** -25 : 0);
    });
    const y = await fromGpu(g, qkv);
    expectClose(y, ropeRef(x, places, { heads, kvHeads, headDim, theta }), EPS[g.activation], atol);
    const v = (heads + kvHeads) * headDim;
    for (let t = 0; t < T; t++)
      expect(y.slice(t * width + v, (t + 1) * width)).toEqual(x.slice(t * width + v, (t + 1) * width));
    g.free(qkv, positions, table);
  });

  test('rows beyond the count stay untouched', async () => {
    const g = gpu();
    const x = normal(2, 4 * 24, g.activation);
    const qkv = toGpu(g, 'qkv', g.activation, [4, 24], x);
    const positions = toGpu(g, 'positions', 'u32', [4], [1, 2, 3, 4]);
    const table = ropeTable(g, 5, 8, 1e4);
    await runOnce(g, (r) =>
      rope(r, { qkv, positions, table, rows: g.dim('rows', 2), heads: 1, kvHeads: 1, headDim: 8 }),
    );
    const y = await fromGpu(g, qkv);
    expect(y.slice(48)).toEqual(x.slice(48));
    expect(y.slice(0, 16)).not.toEqual(x.slice(0, 16));
    g.free(qkv, positions, table);
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
