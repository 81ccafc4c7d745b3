import { expect, test } from 'vitest';
import { fitNearest } from './nearest.ts';

const EXAMPLES = [
  { text: 'adding two fractions', row: 2, fold: 0 },
  { text: 'adding two fractions with different denominators', row: 0, fold: 1 },
  { text: 'adding three fractions', row: 0, fold: 2 },
  { text: 'area of a rectangle', row: 3, fold: 1 },
];

test('a misconception scores as its most similar example', () => {
  const scores = fitNearest(EXAMPLES, 5).scores('adding two fractions');
  expect(scores[2]).toBeCloseTo(1, 12);
  expect(scores[0]).toBeGreaterThan(0);
  expect(scores[0]).toBeLessThan(1);
  expect([scores[1], scores[3], scores[4]]).toEqual([0, 0, 0]);
});

test("examples of the query's own fold are not looked at", () => {
  const nearest = fitNearest(EXAMPLES, 5);
  expect(nearest.scores('adding two fractions', 0)[2]).toBe(0);
  const both = nearest.scores('adding two fractions')[0];
  expect(nearest.scores('adding two fractions', 1)[0]).toBeLessThan(both);
  expect(nearest.scores('adding two fractions', 3)).toEqual(nearest.scores('adding two fractions'));
});
