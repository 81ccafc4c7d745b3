import { describe, expect, test } from 'vitest';
import { topScores } from './sparse.ts';
import { type Analyzer, characterNgrams, STOP_WORDS, wordBigrams, words } from './terms.ts';
import { fitBm25, fitTfidf, type TfidfOptions } from './tfidf.ts';

const PASSAGES = [
  'Adds the numerators and adds the denominators',
  'Thinks 0.5 is smaller than 0.25',
  'Confuses perimeter with area',
  'Subtracts instead of adding',
];
const QUERIES = [
  'Adding fractions: 1/2 + 1/3, add numerators',
  'area of a rectangle 12 x 7 as perimeter',
  'naïve ÉCOLE x_1 ½ ok',
];

const terms = ({ units, expand }: Analyzer, text: string) => units(text).flatMap((unit) => expand?.(unit) ?? [unit]);

describe('terms are those of scikit-learn 1.9', () => {
  test('words', () => {
    expect(terms(words, 'naïve ÉCOLE x_1 ½ ok a I')).toEqual(['naïve', 'école', 'x_1', 'ok']);
    expect(terms(words, '')).toEqual([]);
  });

  test('words and pairs', () => {
    expect(terms(wordBigrams(), 'one is two')).toEqual(['one', 'is', 'two', 'one is', 'is two']);
    expect(terms(wordBigrams(STOP_WORDS), 'area of the square')).toEqual(['area', 'square', 'area square']);
  });

  test('characters within words', () => {
    expect(terms(characterNgrams(3, 5), 'a bc  defg')).toEqual([
      ' a ',
      ' bc',
      'bc ',
      ' bc ',
      ' de',
      'def',
      'efg',
      'fg ',
      ' def',
      'defg',
      'efg ',
      ' defg',
      'defg ',
    ]);
    expect(terms(characterNgrams(3, 5), '½\t𝑥 ')).toEqual([' ½ ', ' 𝑥 ']);
  });
});

describe('fitTfidf', () => {
  // TfidfVectorizer(…).fit(PASSAGES + QUERIES), cosines of the transforms.
  const witnesses: [name: string, options: TfidfOptions, cosines: number[][]][] = [
    [
      'word',
      { analyzer: 'word' },
      [
        [0.114668, 0, 0, 0.203974],
        [0, 0, 0.333089, 0.166544],
        [0, 0, 0, 0],
      ],
    ],
    [
      'words and pairs, sublinear',
      { analyzer: { analyzer: wordBigrams(), sublinear: true } },
      [
        [0.069776, 0, 0, 0.108033],
        [0, 0, 0.17198, 0.08599],
        [0, 0, 0, 0],
      ],
    ],
    [
      'char, sublinear',
      { analyzer: 'char' },
      [
        [0.313183, 0, 0, 0.201807],
        [0, 0.008561, 0.410952, 0.037538],
        [0, 0, 0, 0],
      ],
    ],
  ];
  test.each(witnesses)('%s: cosines of scikit-learn', (_, options, cosines) => {
    const ranker = fitTfidf(PASSAGES, { ...options, corpus: QUERIES });
    const scores = QUERIES.map((query) => ranker.scores(query));
    const error = scores.flatMap((row, q) => [...row].map((score, p) => Math.abs(score - cosines[q][p])));
    expect(Math.max(...error)).toBeLessThan(1e-6);
  });

  test('ranks best first, ties in the order of the passages, and reports progress', () => {
    const done: string[] = [];
    const [first, , third] = fitTfidf(PASSAGES).rank(QUERIES, 3, (n, total) => done.push(`${n}/${total}`));
    expect([...first.indices].slice(0, 2)).toEqual([0, 3]);
    expect(first.scores[0]).toBeGreaterThan(first.scores[1]);
    expect([...third.indices]).toEqual([0, 1, 2]);
    expect(done).toEqual(['1/3', '2/3', '3/3']);
  });

  test('empty passages, empty queries, unknown terms, a text of 100,000 characters', () => {
    const ranker = fitTfidf(['', 'area', 'x'.repeat(100_000)]);
    expect([...ranker.scores('')]).toEqual([0, 0, 0]);
    expect([...ranker.scores('qqq')]).toEqual([0, 0, 0]);
    const [same] = ranker.rank(['x'.repeat(100_000)], 25);
    expect([...same.indices]).toEqual([2, 0, 1]);
    expect(same.scores[0]).toBeCloseTo(1, 6);
    expect(fitTfidf([]).rank(['a'], 25)[0].indices.length).toBe(0);
  });
});

describe('fitBm25', () => {
  test('the formula, by hand', () => {
    // N = 3, lengths 2, 1, 3, mean 2; df(b) = 1: idf ln(2.5 / 1.5); df(a) = 2: negative, so a quarter of the mean idf.
    const ranker = fitBm25(['a b', 'a', 'c c d']);
    const rare = Math.log(2.5 / 1.5);
    const mean = (Math.log(1.5 / 2.5) + 3 * rare) / 4;
    const tf = (count: number, length: number) => (count * 2.5) / (count + 1.5 * (0.25 + (0.75 * length) / 2));
    const expected = [2 * 0.25 * mean * tf(1, 2) + rare * tf(1, 2), 2 * 0.25 * mean * tf(1, 1), 0];
    expect(ranker.scores('A, b a!').every((score, i) => Math.abs(score - expected[i]) < 1e-12)).toBe(true);
    expect(ranker.scores('c')[2]).toBeCloseTo(rare * tf(2, 3), 12);
  });

  test('nothing to rank, nothing to say', () => {
    expect([...fitBm25(['', '?']).scores('a')]).toEqual([0, 0]);
    expect([...fitBm25([]).scores('a')]).toEqual([]);
  });
});

test('topScores keeps the order of equals, negative scores too', () => {
  const { indices, scores } = topScores(Float64Array.of(-1, 2, 2, 0, 3, -1), 5);
  expect([...indices]).toEqual([4, 1, 2, 3, 0]);
  expect([...scores]).toEqual([3, 2, 2, 0, -1]);
});
