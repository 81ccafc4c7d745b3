/** Picked rows are those of the whole matrix, from every format, and nothing else is read. */
import { expect, test } from 'vitest';
import { goldenModels, goldenPath } from '../../test/golden/golden.ts';
import { openCheckpoint } from './checkpoint_file.ts';
import { dequantize } from './dequantize.ts';
import { pickRows } from './picked_rows.ts';
import type { StoredDense } from './stored.ts';
import { readTensor } from './tensor.ts';

/** The same matrix, and the ranges of its file that are read. */
function watched(stored: StoredDense): { stored: StoredDense; ranges: [number, number][] } {
  const { data } = stored;
  const ranges: [number, number][] = [];
  const read = (offset: number, length: number) => {
    ranges.push([offset - data.offset, length]);
    return data.source.read(offset, length);
  };
  return { stored: { ...stored, data: { ...data, source: { ...data.source, read } } }, ranges };
}

test.each(goldenModels())('%s: rows of the embedding', async (name) => {
  const checkpoint = await openCheckpoint(goldenPath(name));
  const { stored: embed, ranges } = watched(checkpoint.dense('embed_tokens'));
  const [vocab, C] = embed.shape;
  const whole = await dequantize(embed);
  ranges.length = 0;
  const rows = Uint32Array.of(0, 3, 4, 5, 40, vocab - 2, vocab - 1);
  const picked = pickRows(embed, rows);
  expect(picked.shape).toEqual([7, C]);
  expect(await dequantize(picked)).toEqual(
    Float64Array.from([...rows].flatMap((row) => [...whole.subarray(row * C, (row + 1) * C)])),
  );
  const bytes = embed.data.length / vocab;
  const runs = [
    [0, 1],
    [3, 3],
    [40, 1],
    [vocab - 2, 2],
  ];
  expect(ranges).toEqual(runs.map(([first, count]) => [first * bytes, count * bytes]));
  // Any range of it, as of a file.
  const all = await readTensor(picked.data);
  for (const [begin, end] of [
    [1, 2],
    [bytes - 1, bytes + 1],
    [2 * bytes + 3, 6 * bytes - 1],
  ])
    expect(await readTensor(picked.data, begin, end - begin)).toEqual(all.slice(begin, end));
  await checkpoint.close();
});
