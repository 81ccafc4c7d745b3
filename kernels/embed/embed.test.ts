import { expect, test } from 'vitest';
import { PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import { describeGpus } from '../../test/gpus.ts';
import { expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { embedBackwardRef, embedRef } from './embed.ref.ts';
import { type EmbedTable, embed, plan } from './embed.ts';

// [type, vocab, C, chunk starts, ids]: every way a word is read, one and several chunks, first and last rows.
const CASES: ['f16' | 'f32', number, number, number[], number[]][] = [
  ['f32', 1, 1, [0], [0]],
  ['f32', 11, 7, [0, 4, 8], [10, 0, 3, 4, 7, 8, 3, 3]],
  ['f32', 5, 6, [0], [4, 1]],
  ['f16', 97, 576, [0, 50], [49, 50, 96, 0, 51]],
  ['f16', 13, 2, [0, 1, 12], [12, 0, 5, 1, 11]],
];

describeGpus('embed', (gpu) => {
  test.each(CASES)('%s [%d, %d], chunks at %j, ids %j', async (dtype, vocab, C, starts, ids) => {
    const g = gpu();
    const values = normal(1, vocab * C, dtype);
    const chunks = starts.map((first, i) => {
      const end = starts[i + 1] ?? vocab;
      const data = toGpu(g, `table ${i}`, dtype, [end - first, C], values.slice(first * C, end * C));
      return { first, count: end - first, data };
    });
    const table: EmbedTable = { vocab, C, chunks };
    // One row more than there are tokens: it must stay as it was.
    const h = poisoned(g, 'h', 'f32', [ids.length + 1, C]);
    const idTensor = toGpu(g, 'ids', 'u32', [ids.length], ids);
    const ran = await runOnce(g, (r) => embed(r, { ids: idTensor, table, h, rows: g.dim('rows', ids.length) }));
    expect(ran.map((d) => d.label)).toEqual(starts.map(() => 'embed'));
    const y = await fromGpu(g, h);
    expect(y.slice(0, ids.length * C)).toEqual(embedRef(ids, values, C));
    expect(y.slice(ids.length * C).every(Number.isNaN)).toBe(true);
    g.free(h, idTensor, ...chunks.map((c) => c.data));
  });
});

test('the plan splits a table into the fewest chunks that a binding holds', () => {
  expect(plan(PORTABLE_CAPS, { vocab: 49152, C: 576, dtype: 'f16' })).toEqual([{ first: 0, count: 49152 }]);
  const chunks = plan(PORTABLE_CAPS, { vocab: 151936, C: 896, dtype: 'f16' });
  expect(chunks.length).toBe(3);
  expect(chunks.every((c) => c.count * 896 * 2 <= PORTABLE_CAPS.maxBinding)).toBe(true);
  expect(chunks.reduce((next, c) => (c.first === next ? next + c.count : Number.NaN), 0)).toBe(151936);
});

test('the reference gradient agrees with central differences', () => {
  const [vocab, C, h] = [3, 2, 1e-5];
  const ids = [2, 0, 2];
  const table = normal(3, vocab * C);
  const dh = normal(4, ids.length * C);
  const loss = (w: Float64Array) => embedRef(ids, w, C).reduce((s, y, i) => s + y * dh[i], 0);
  const bump = (i: number, by: number) => table.map((v, j) => (j === i ? v + by : v));
  const slopes = Float64Array.from(table, (_, i) => (loss(bump(i, h)) - loss(bump(i, -h))) / (2 * h));
  expectClose(embedBackwardRef(ids, dh, vocab, C), slopes, 1e-6, 1e-8);
});
