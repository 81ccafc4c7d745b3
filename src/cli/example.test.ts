import { expect, test } from 'vitest';
import type { Pair } from '../data/questions.ts';
import { example, readable, wrap } from './example.ts';

const TAXONOMY = {
  ids: [10, 20, 30],
  names: ['Adds the numerators and the denominators', 'Multiplies where it should add', 'Counts on its fingers'],
};

const PAIR: Pair = {
  questionId: 1,
  answer: 'C',
  label: 20,
  question: {
    questionId: 1,
    correct: 'B',
    text: 'Work out \\(\\dfrac{2}{3} + \\dfrac{1}{4}\\).',
    answers: { A: '1', B: '\\(\\dfrac{11}{12}\\)', C: '\\(\\dfrac{3}{7}\\)', D: '2' },
    labels: { C: 20 },
    line: 2,
  },
};

test('an example shows question, answers, label and both rankings side by side', () => {
  const listed = (order: number[], place: number) => ({
    top: order.map((i) => ({ id: TAXONOMY.ids[i], name: TAXONOMY.names[i] })),
    place,
  });
  const text = example(1, PAIR, TAXONOMY, 'tiny', { model: listed([0, 2], 3), words: listed([1, 0], 1) }, 86);
  expect(text).toBe(
    `1. Work out 2/3 + 1/4.
   correct: 11/12   chosen: 3/7
   behind it (20): Multiplies where it should add

   tiny: right one at place 3 of 3            TF-IDF: right one at place 1 of 3
   1  Adds the numerators and the             1* Multiplies where it should add (20)
      denominators (10)
   2  Counts on its fingers (30)              2  Adds the numerators and the
                                                 denominators (10)
`,
  );
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(86);
});

test('wrapping keeps every word and the width', () => {
  const words = 'one two three four five six seven';
  const lines = wrap(words, 11);
  expect(lines).toEqual(['one two', 'three four', 'five six', 'seven']);
  expect(wrap('unbreakable', 4)).toEqual(['unbreakable']);
});

test('LaTeX is made readable, and what is not known stays', () => {
  expect(readable('\\(47{,}387 \\times \\frac{1}{2}\\)')).toBe('47,387 × 1/2');
  expect(readable('\\(\\sqrt{2}\\)')).toBe('\\sqrt{2}');
});
