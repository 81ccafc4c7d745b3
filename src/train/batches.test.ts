import { describe, expect, test } from 'vitest';
import { Batches, type BatchesOptions, type BatchState } from './batches.ts';

// 50 rows over the labels 0, 3, 6 … 57: twenty of a taxonomy of seventy.
const LABELS = Array.from({ length: 50 }, (_, row) => ((row * 7) % 20) * 3);
const options: BatchesOptions = { labels: LABELS, passages: 70, batch: 8, negatives: 5, pool: 'positives', seed: 1 };
const make = (o: Partial<BatchesOptions> = {}) => new Batches({ ...options, ...o });

/** All batches of some epochs. */
function walk(batches: Batches, epochs: number) {
  const out = [];
  for (let state: BatchState = { epoch: 0, step: 0 }; state.epoch < epochs; state = batches.next(state))
    out.push(batches.at(state));
  return out;
}

describe('a batch', () => {
  const batches = walk(make(), 3);

  test('an epoch has every row once, the last batch what is left, and the next epoch another order', () => {
    expect(make().stepsPerEpoch).toBe(7);
    expect(batches.length).toBe(21);
    expect(batches.slice(0, 7).map((b) => b.rows.length)).toEqual([8, 8, 8, 8, 8, 8, 2]);
    const order = (epoch: number) => batches.filter((b) => b.epoch === epoch).flatMap((b) => b.rows);
    for (const epoch of [0, 1, 2]) expect(order(epoch).sort((a, b) => a - b)).toEqual(LABELS.map((_, i) => i));
    expect(order(0)).not.toEqual(order(1));
  });

  test('has its positives and so many others that are labels, sorted, each once, and targets that find the label', () => {
    for (const { rows, passages, targets } of batches) {
      const positives = new Set(rows.map((row) => LABELS[row]));
      expect(passages.length).toBe(positives.size + 5);
      expect(passages).toEqual([...new Set(passages)].sort((a, b) => a - b));
      expect(passages.every((p) => LABELS.includes(p))).toBe(true);
      expect(targets.map((t) => passages[t])).toEqual(rows.map((row) => LABELS[row]));
    }
  });

  test('draws its negatives anew at each step, each about as often as any other', () => {
    const times = new Map<number, number>();
    const many = walk(make({ negatives: 3 }), 200);
    for (const { rows, passages } of many) {
      const positives = new Set(rows.map((row) => LABELS[row]));
      for (const p of passages) if (!positives.has(p)) times.set(p, (times.get(p) ?? 0) + 1);
    }
    // 1,400 steps of three negatives among twenty labels: 210 each, and 75 is five standard deviations.
    expect(times.size).toBe(20);
    for (const n of times.values()) expect(Math.abs(n - 210)).toBeLessThan(75);
  });
});

test('a batch is a function of seed, epoch and step, whatever was asked before', () => {
  const straight = walk(make(), 2);
  for (const { epoch, step } of [...straight].reverse())
    expect(make().at({ epoch, step })).toEqual(straight[epoch * 7 + step]);
  const again = make();
  const state = JSON.parse(JSON.stringify({ epoch: 1, step: 3 }));
  expect(again.at(state)).toEqual(straight[10]);
  expect(again.at(again.next(state))).toEqual(straight[11]);
  expect(again.next({ epoch: 0, step: 6 })).toEqual({ epoch: 1, step: 0 });
});

test('another seed gives other rows and other negatives, also one that differs beyond 32 bits', () => {
  const first = make().at({ epoch: 0, step: 0 });
  for (const seed of [2, 2 ** 32 + 1]) expect(make({ seed }).at({ epoch: 0, step: 0 }).rows).not.toEqual(first.rows);
});

test('the whole pool, and a larger one', () => {
  const labels = [...new Set(LABELS)].sort((a, b) => a - b);
  expect(make({ negatives: 'all' }).at({ epoch: 0, step: 1 }).passages).toEqual(labels);
  expect(make({ negatives: 1000 }).at({ epoch: 0, step: 1 }).passages).toEqual(labels);
  const everything = Array.from({ length: 70 }, (_, i) => i);
  expect(make({ negatives: 'all', pool: 'all' }).at({ epoch: 0, step: 1 }).passages).toEqual(everything);
  const drawn = walk(make({ pool: 'all' }), 20).flatMap((b) => b.passages);
  expect(new Set(drawn).size).toBe(70);
});

test('the most passages', () => {
  expect(make().maxPassages).toBe(13);
  expect(make({ negatives: 'all' }).maxPassages).toBe(70);
  expect(make({ negatives: 256 }).maxPassages).toBe(70);
  for (const { passages } of walk(make(), 2)) expect(passages.length).toBeLessThanOrEqual(13);
});

test('no negatives at all: the batch against itself', () => {
  const { rows, passages } = make({ negatives: 0 }).at({ epoch: 0, step: 0 });
  expect(passages.length).toBe(new Set(rows.map((row) => LABELS[row])).size);
});

describe('hard negatives', () => {
  const state = { epoch: 0, step: 0 };
  const plain = make().at(state);
  const positives = new Set(plain.rows.map((row) => LABELS[row]));

  test('come first, hardest of every row before the second of any, and fill up at random', () => {
    const lists = new Map(plain.rows.map((row, i) => [row, [60 + i, 69]]));
    const { passages, targets } = make({ negatives: 5 }).at(state, (row) => lists.get(row) ?? []);
    const negatives = passages.filter((p) => !positives.has(p));
    // 60 is the hardest of the first row, 64 of the fifth; 60 + 3, 60 + 6 … are not labels in use here beyond 57.
    expect(negatives).toEqual([60, 61, 62, 63, 64]);
    expect(targets.map((t) => passages[t])).toEqual(plain.rows.map((row) => LABELS[row]));
    const few = make({ negatives: 5 }).at(state, () => [61, 62]);
    const drawn = few.passages.filter((p) => !positives.has(p));
    expect(drawn.length).toBe(5);
    expect(drawn.filter((p) => p === 61 || p === 62)).toEqual([61, 62]);
    expect(drawn.filter((p) => p !== 61 && p !== 62).every((p) => LABELS.includes(p))).toBe(true);
  });

  test('never count a positive of the batch', () => {
    const { passages } = make({ negatives: 2 }).at(state, () => [...positives, 61]);
    expect(passages.length).toBe(positives.size + 2);
    expect(passages).toContain(61);
  });
});

test('what cannot be', () => {
  expect(() => make({ batch: 51 })).toThrow('batch 51 is larger than the data, 50 training rows');
  expect(() => make({ labels: [0, 70, 1], batch: 1 })).toThrow('label 70 is not a row of a taxonomy of 70');
  expect(() => make({ labels: [0, Number.NaN], batch: 1 })).toThrow('not a row');
  expect(() => make().at({ epoch: 0, step: 7 })).toThrow('has 7 steps');
});
