import { expect, test } from 'vitest';
import { uniform } from '../../test/numeric.ts';
import { packBatches } from './batches.ts';

test('every sequence is in one batch, and no batch passes its limits', () => {
  const next = uniform(7);
  const lengths = Array.from({ length: 500 }, () => 1 + Math.floor(next() * 288));
  const batches = packBatches(lengths, { tokens: 700, sequences: 9 });
  expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
  for (const b of batches) {
    expect(b.length).toBeLessThanOrEqual(9);
    expect(b.reduce((n, i) => n + lengths[i], 0)).toBeLessThanOrEqual(700);
  }
});

test('the longest come first, in the same order each time', () => {
  expect(packBatches([3, 9, 3, 1], { tokens: 9, sequences: 2 })).toEqual([[1], [0, 2], [3]]);
  expect(packBatches([], { tokens: 9, sequences: 2 })).toEqual([]);
});

test('a sequence longer than a batch is refused', () => {
  expect(() => packBatches([10], { tokens: 9, sequences: 2 })).toThrow('10 tokens');
});
