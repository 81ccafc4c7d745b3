import { describe, expect, test } from 'vitest';
import { evaluate, reciprocalRank } from './retrieval.ts';

test('reciprocalRank is 1/rank, 0 beyond k', () => {
  expect([1, 2, 3, 9].map((label) => reciprocalRank([1, 2, 3], label, 2))).toEqual([1, 1 / 2, 0, 0]);
});

describe('evaluate', () => {
  const rows = [
    { label: 1, pred: [1, 2, 3, 4] },
    { label: 2, pred: [1, 2, 3, 4] },
    { label: 4, pred: [1, 2, 3, 4] },
    { label: 9, pred: [1, 2, 3, 4] },
  ];

  test('by hand', () => {
    const report = evaluate(rows, { k: 3, seenIds: new Set([1, 9]) });
    expect(report['map@3']).toBe((1 + 1 / 2) / 4);
    expect(report['recall@3']).toBe(2 / 4);
    expect(report.rows).toBe(4);
    expect([report.seen['map@3'], report.seen['recall@3'], report.seen.rows]).toEqual([1 / 2, 1 / 2, 2]);
    expect([report.unseen['map@3'], report.unseen['recall@3'], report.unseen.rows]).toEqual([1 / 4, 1 / 2, 2]);
  });

  test('a row that says whether it is seen is believed', () => {
    const report = evaluate([{ ...rows[0], seen: false }, rows[3]], { seenIds: new Set([1, 9]) });
    expect([report.seen.rows, report.unseen['map@25']]).toEqual([1, 1]);
  });

  test('no rows: null, not NaN', () => {
    expect(evaluate([])).toEqual({
      'map@25': null,
      'recall@25': null,
      rows: 0,
      intervals: { 'map@25': null, 'recall@25': null },
      seen: { 'map@25': null, 'recall@25': null, rows: 0, intervals: { 'map@25': null, 'recall@25': null } },
      unseen: { 'map@25': null, 'recall@25': null, rows: 0, intervals: { 'map@25': null, 'recall@25': null } },
    });
  });

  test('intervals are those of the normal approximation, and the same for the same seed', () => {
    // 1000 rows of which 300 hit at rank 1: the mean's standard error is sqrt(.3 * .7 / 1000) = .01449.
    const many = Array.from({ length: 1000 }, (_, i) => ({ label: i % 10 < 3 ? 1 : 2, pred: [1] }));
    const { intervals } = evaluate(many);
    const [low, high] = intervals['map@25']!;
    expect(Math.abs(low - (0.3 - 1.96 * 0.01449))).toBeLessThan(0.003);
    expect(Math.abs(high - (0.3 + 1.96 * 0.01449))).toBeLessThan(0.003);
    expect(intervals['recall@25']).toEqual(intervals['map@25']);
    expect(evaluate(many).intervals).toEqual(intervals);
    expect(evaluate(many, { seed: 2 }).intervals).not.toEqual(intervals);
  });
});
