import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { similarityBackwardRef, similarityRef } from './similarity.ref.ts';
import { similarity } from './similarity.ts';

// [queries, passages, channels]: ones, tails of the 32 x 32 tile and of the 16 channels, SmolLM2's width.
const SHAPES = [
  [1, 1, 1],
  [33, 31, 17],
  [3, 131, 576],
];

describeGpus('similarity', (gpu) => {
  test.each(SHAPES)('%d queries, %d passages, %d channels', async (Q, P, C) => {
    const g = gpu();
    const queries = normal(1, Q * C);
    const passages = normal(2, P * C);
    const y = poisoned(g, 'y', 'f32', [Q, P]);
    await runOnce(g, (r) =>
      similarity(r, {
        queries: toGpu(g, 'queries', 'f32', [Q, C], queries),
        passages: toGpu(g, 'passages', 'f32', [P, C], passages),
        y,
        rows: g.dim('rows', Q, P),
      }),
    );
    // A sum of C products: each rounded once, each partial sum once.
    const sizes = similarityRef(queries.map(Math.abs), passages.map(Math.abs), Q, P, C);
    const bound = sizes.map((s) => (C + 1) * EPS.f32 * s);
    expectClose(await fromGpu(g, y), similarityRef(queries, passages, Q, P, C), 0, bound);
  });

  test('what lies beyond the counts is neither read nor written', async () => {
    const g = gpu();
    const y = poisoned(g, 'y', 'f32', [4, 4]);
    const queries = normal(1, 12).fill(Number.NaN, 6);
    await runOnce(g, (r) =>
      similarity(r, {
        queries: toGpu(g, 'queries', 'f32', [4, 3], queries),
        passages: toGpu(g, 'passages', 'f32', [4, 3], normal(2, 12).fill(Number.NaN, 9)),
        y,
        rows: g.dim('rows', 2, 3),
      }),
    );
    const values = await fromGpu(g, y);
    expect(values.slice(0, 6).every(Number.isFinite)).toBe(true);
    expect(values.slice(6).every(Number.isNaN)).toBe(true);
  });
});

test('the reference gradient agrees with central differences', () => {
  const [Q, P, C, h] = [2, 3, 4, 1e-5];
  const [queries, passages, dy] = [normal(3, Q * C), normal(4, P * C), normal(5, Q * P)];
  const { dqueries, dpassages } = similarityBackwardRef(queries, passages, dy, Q, P, C);
  const loss = (q: Float64Array, p: Float64Array) => similarityRef(q, p, Q, P, C).reduce((s, y, i) => s + y * dy[i], 0);
  const bump = (a: Float64Array, i: number, by: number) => a.map((v, j) => (j === i ? v + by : v));
  const slope = (f: (by: number) => number) => (f(h) - f(-h)) / (2 * h);
  const inQueries = queries.map((_, i) => slope((by) => loss(bump(queries, i, by), passages)));
  const inPassages = passages.map((_, i) => slope((by) => loss(queries, bump(passages, i, by))));
  expectClose(dqueries, inQueries, 1e-6, 1e-8);
  expectClose(dpassages, inPassages, 1e-6, 1e-8);
});
