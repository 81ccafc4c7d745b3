import { expect, test } from 'vitest';
import { nearestExampleRef } from '../../kernels/nearest_example/nearest_example.ref.ts';
import { similarityRef } from '../../kernels/similarity/similarity.ref.ts';
import { describeGpus } from '../../test/gpus.ts';
import { normal } from '../../test/numeric.ts';
import type { Examples } from './examples.ts';
import { Ranker } from './ranker.ts';

/** Unit vectors, by rows. */
function unit(seed: number, n: number, d: number): Float32Array {
  const x = Float32Array.from(normal(seed, n * d));
  for (let i = 0; i < n; i++) {
    const row = x.subarray(i * d, (i + 1) * d);
    const length = Math.hypot(...row);
    for (let c = 0; c < d; c++) row[c] /= length;
  }
  return x;
}

describeGpus('Ranker', (gpu) => {
  // More queries than are ranked at once.
  const [Q, P, E, d, k] = [259, 40, 60, 16, 5];
  const [queries, passages] = [unit(1, Q, d), unit(2, P, d)];
  const examples: Examples = {
    vectors: unit(3, E, d),
    rows: Array.from({ length: E }, (_, e) => (e * 7) % 31),
    origins: Array.from({ length: E }, (_, e) => e % 9),
    weight: 0.5,
  };
  const origins = Array.from({ length: Q }, (_, q) => (q % 5 ? q % 9 : undefined));

  /** The same scores in float64, examples in the order of their rows. */
  const expected = (): Float64Array => {
    const order = examples.rows.map((_, e) => e).sort((a, b) => examples.rows[a] - examples.rows[b]);
    const sorted = Float32Array.from(order.flatMap((e) => [...examples.vectors.subarray(e * d, (e + 1) * d)]));
    const first = Array.from({ length: P + 1 }, (_, p) => examples.rows.filter((row) => row < p).length);
    const origin = order.map((e) => examples.origins[e]);
    const own = origins.map((o) => o ?? 0xffffffff);
    const names = similarityRef(queries, passages, Q, P, d);
    return nearestExampleRef(names, similarityRef(queries, sorted, Q, E, d), { first, origin, own }, 0.5);
  };

  test.each([
    ['names alone', false],
    ['names and examples', true],
  ])('ranks by %s', async (_, mixed) => {
    const ranker = await Ranker.create(gpu(), passages, d, k, mixed ? examples : undefined);
    const rankings = await ranker.rank(queries, origins);
    ranker.free();
    const all = mixed ? expected() : similarityRef(queries, passages, Q, P, d);
    expect(rankings).toHaveLength(Q);
    rankings.forEach(({ indices, scores }, q) => {
      const row = [...all.subarray(q * P, (q + 1) * P)];
      const best = row.map((_, p) => p).sort((a, b) => row[b] - row[a]);
      // Sums of 16 products of unit vectors and two roundings: below 20 x 2^-24.
      scores.forEach((score, i) => {
        expect(Math.abs(score - row[best[i]])).toBeLessThan(20 * 2 ** -24);
        expect(Math.abs(score - row[indices[i]])).toBeLessThan(20 * 2 ** -24);
      });
    });
  });

  test('no examples are none', async () => {
    const none = { vectors: new Float32Array(), rows: [], origins: [], weight: 0.5 };
    const ranker = await Ranker.create(gpu(), passages, d, k, none);
    const alone = await Ranker.create(gpu(), passages, d, k);
    expect(await ranker.rank(queries)).toEqual(await alone.rank(queries));
    ranker.free();
    alone.free();
  });
});
