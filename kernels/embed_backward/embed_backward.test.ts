import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu, uniform } from '../../test/numeric.ts';
import { embedBackwardRef } from '../embed/embed.ref.ts';
import { embedBackward } from './embed_backward.ts';
import { sortTokens, TokenRows } from './token_rows.ts';

test('tokens sorted by id, then position', () => {
  const { ids, offsets, order } = sortTokens([7, 2, 151_935, 7, 2, 7]);
  expect([...ids]).toEqual([2, 7, 151_935]);
  expect([...offsets]).toEqual([0, 2, 5, 6]);
  expect([...order]).toEqual([1, 4, 0, 3, 5, 2]);
  expect(sortTokens([5]).order.length).toBe(1);
  const none = sortTokens([]);
  expect([none.ids.length, none.offsets.length]).toEqual([0, 1]);
});

// [vocab, C, chunk starts, tokens, add]
const CASES: [number, number, number[], number, boolean][] = [
  [1, 1, [0], 1, false],
  [11, 7, [0, 4, 8], 29, true],
  [97, 131, [0, 50], 300, false],
];

describeGpus('embed_backward', (gpu) => {
  test.each(CASES)('[%d, %d], chunks at %j, %d tokens, add %j', async (vocab, C, starts, T, add) => {
    const g = gpu();
    const next = uniform(1);
    // Squared, so that small ids come often and some ids never.
    const tokens = Array.from({ length: T }, () => Math.floor(next() ** 2 * vocab));
    const values = normal(2, T * C);
    const before = normal(3, vocab * C);
    const chunks = starts.map((first, i) => {
      const end = starts[i + 1] ?? vocab;
      const data = toGpu(g, `dtable ${i}`, 'f32', [end - first, C], before.slice(first * C, end * C));
      return { first, count: end - first, data };
    });
    const rows = new TokenRows(g, T + 3);
    rows.set(tokens);
    const dh = poisoned(g, 'dh', 'f32', [T + 3, C]);
    g.write(dh, Float32Array.from(values));
    await runOnce(g, (r) => embedBackward(r, { dh, rows, dtable: { vocab, C, chunks }, add }));
    const result = Float64Array.from((await Promise.all(chunks.map((c) => fromGpu(g, c.data)))).flatMap((c) => [...c]));
    const sums = embedBackwardRef(tokens, values, vocab, C);
    const there = new Set(tokens);
    const isThere = (i: number) => there.has(Math.floor(i / C));
    const expected = sums.map((sum, i) => (isThere(i) ? sum + (add ? before[i] : 0) : before[i]));
    // n additions are off by n roundoffs of partial sums, which the sum of magnitudes bounds.
    const sizes = embedBackwardRef(tokens, values.map(Math.abs), vocab, C);
    const n = (i: number) => tokens.filter((id) => id === Math.floor(i / C)).length;
    const bounds = sizes.map((size, i) => (n(i) + 1) * EPS.f32 * (size + (add ? Math.abs(before[i]) : 0)));
    expectClose(result, expected, 0, bounds);
    expect(result.filter((_, i) => !isThere(i))).toEqual(before.filter((_, i) => !isThere(i)));
    rows.free();
    g.free(dh, ...chunks.map((c) => c.data));
  });
});
