import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { topKRef } from './top_k.ref.ts';
import { topK } from './top_k.ts';

// [rows, columns, k]: one of each, fewer columns than k, more than a workgroup, all of a row.
const SHAPES = [
  [1, 1, 1],
  [3, 5, 9],
  [5, 1031, 25],
  [2, 40, 40],
];

describeGpus('top_k', (gpu) => {
  test.each(SHAPES)('%d rows of %d, the best %d', async (Q, P, k) => {
    const g = gpu();
    // One decimal, so that many scores tie; negative ones too.
    const scores = normal(1, Q * P).map((x) => Math.fround(Math.round(x * 10) / 10));
    const values = poisoned(g, 'values', 'f32', [Q, k]);
    const indices = poisoned(g, 'indices', 'u32', [Q, k]);
    const rows = g.dim('rows', Q, P);
    await runOnce(g, (r) => topK(r, { scores: toGpu(g, 'scores', 'f32', [Q, P], scores), values, indices, rows, k }));
    const expected = topKRef(scores, Q, P, k);
    expect([...(await fromGpu(g, indices))]).toEqual([...expected]);
    const found = await fromGpu(g, values);
    expected.forEach((p, i) => {
      if (p === 0xffffffff) expect(found[i]).toBeLessThan(-3e38);
      else expect(found[i]).toBe(scores[Math.floor(i / k) * P + p]);
    });
  });
});
