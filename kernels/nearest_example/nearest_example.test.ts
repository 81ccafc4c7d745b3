import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu, uniform } from '../../test/numeric.ts';
import { nearestExampleRef } from './nearest_example.ref.ts';
import { nearestExample } from './nearest_example.ts';

// [queries, names, examples, weight]: one of each, names without examples and with many, tails of the 64 threads.
const SHAPES = [
  [1, 1, 1, 0.5],
  [3, 65, 7, 0.25],
  [5, 64, 300, 1],
  [2, 131, 40, 1 / 3],
];

/** Examples dealt to names, each from one of a few questions, and queries that are of these or of none. */
function dealt(Q: number, N: number, E: number) {
  const next = uniform(7);
  const rows = Array.from({ length: E }, () => Math.floor(next() * N)).sort((a, b) => a - b);
  const first = Array.from({ length: N + 1 }, (_, n) => rows.filter((row) => row < n).length);
  const origin = rows.map(() => Math.floor(4 * next()));
  const own = Array.from({ length: Q }, (_, q) => (q % 3 === 2 ? 0xffffffff : q % 4));
  return { first, origin, own };
}

describeGpus('nearest_example', (gpu) => {
  test.each(SHAPES)('%d queries, %d names, %d examples, weight %d', async (Q, N, E, weight) => {
    const g = gpu();
    const [scores, similar] = [normal(1, Q * N), normal(2, Q * E)];
    const lists = dealt(Q, N, E);
    const y = poisoned(g, 'y', 'f32', [Q + 1, N]);
    const ran = await runOnce(g, (r) =>
      nearestExample(r, {
        scores: toGpu(g, 'scores', 'f32', [Q, N], scores),
        similar: toGpu(g, 'similar', 'f32', [Q, E], similar),
        first: toGpu(g, 'first', 'u32', [N + 1], lists.first),
        origin: toGpu(g, 'origin', 'u32', [E], lists.origin),
        own: toGpu(g, 'own', 'u32', [Q], lists.own),
        ...{ y, weight, rows: g.dim('rows', Q, N) },
      }),
    );
    expect(ran.map(({ label }) => label)).toEqual(['nearest_example']);
    const expected = nearestExampleRef(scores, similar, lists, weight);
    // The difference is rounded once, the weight too, and their sum with the score, fused or in two steps.
    const most = Math.max(...scores.map(Math.abs)) + Math.max(...similar.map(Math.abs));
    const got = await fromGpu(g, y);
    expectClose(got.slice(0, Q * N), expected, 2 * EPS.f32, 3 * EPS.f32 * most);
    // A score that no example counts for is left as it is.
    expected.forEach((v, i) => {
      if (v === scores[i]) expect(got[i]).toBe(v);
    });
    expect(got.slice(Q * N).every(Number.isNaN)).toBe(true);
  });
});

test('an example of the query’s own question is not looked at', () => {
  const lists = { first: [0, 2, 2], origin: [4, 5], own: [4, 9] };
  const y = nearestExampleRef([0.2, 0.6, 0.2, 0.6], [0.9, 0.4, 0.9, 0.4], lists, 0.5);
  expect([...y].map((v) => v.toFixed(3))).toEqual(['0.300', '0.600', '0.550', '0.600']);
});
