/**
 * The sample data of the repository, held to what its README promises: Eedi's columns, ids that join,
 * options that differ, labels that exist, and enough of everything for the demo and the tests.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';

const LETTERS = ['A', 'B', 'C', 'D'] as const;
const COLUMNS = [
  'QuestionId',
  'ConstructId',
  'ConstructName',
  'SubjectId',
  'SubjectName',
  'CorrectAnswer',
  'QuestionText',
  ...LETTERS.map((letter) => `Answer${letter}Text`),
  ...LETTERS.map((letter) => `Misconception${letter}Id`),
];

/** Reads a file of data/sample as its header and its rows, one record a row. */
function table(name: string): { columns: string[]; rows: Record<string, string>[] } {
  const text = readFileSync(new URL(`../../data/sample/${name}`, import.meta.url), 'utf8');
  const [columns, ...records] = parse(text) as string[][];
  const rows = records.map((record) => Object.fromEntries(columns.map((column, i) => [column, record[i]])));
  return { columns, rows };
}

const taxonomy = table('misconception_mapping.csv');
const questions = table('train.csv');
const folds = table('folds.csv');

const plain = (text: string) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
const count = (text: string, part: string) => text.split(part).length - 1;
const label = (row: Record<string, string>, letter: string) => row[`Misconception${letter}Id`];
const labels = questions.rows.flatMap((row) => LETTERS.map((letter) => label(row, letter)).filter((id) => id !== ''));

describe('sample taxonomy', () => {
  test('has its two columns, at least 160 rows and contiguous ids', () => {
    expect(taxonomy.columns).toEqual(['MisconceptionId', 'MisconceptionName']);
    expect(taxonomy.rows.length).toBeGreaterThanOrEqual(160);
    expect(taxonomy.rows.map((row) => row.MisconceptionId)).toEqual(taxonomy.rows.map((_, i) => `${i}`));
  });

  test('names each misconception once, in words', () => {
    const names = taxonomy.rows.map((row) => plain(row.MisconceptionName));
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => name.length < 20)).toEqual([]);
  });
});

describe('sample questions', () => {
  test("are in Eedi's columns, at least 60, with integer ids of their own", () => {
    expect(questions.columns).toEqual(COLUMNS);
    expect(questions.rows.length).toBeGreaterThanOrEqual(60);
    const ids = questions.rows.map((row) => row.QuestionId);
    expect(new Set(ids).size).toBe(ids.length);
    const numbers = questions.rows.flatMap((row) => [row.QuestionId, row.ConstructId, row.SubjectId]);
    expect([...numbers, ...labels].filter((id) => !/^(0|[1-9]\d*)$/.test(id))).toEqual([]);
  });

  test('are not asked twice', () => {
    const whole = questions.rows.map((row) =>
      [row.QuestionText, ...LETTERS.map((x) => row[`Answer${x}Text`]).sort()].join('|'),
    );
    expect(new Set(whole).size).toBe(whole.length);
  });

  test.each(['Construct', 'Subject'])('give each %s one id and each id one name', (kind) => {
    const pairs = new Set(questions.rows.map((row) => `${row[`${kind}Id`]} ${row[`${kind}Name`]}`));
    expect(new Set(questions.rows.map((row) => row[`${kind}Id`])).size).toBe(pairs.size);
    expect(new Set(questions.rows.map((row) => row[`${kind}Name`])).size).toBe(pairs.size);
  });

  test('offer four options that differ', () => {
    const clashes = questions.rows.filter((row) => {
      const options = LETTERS.map((letter) => row[`Answer${letter}Text`].replace(/\s/g, ''));
      return options.includes('') || new Set(options).size < 4;
    });
    expect(clashes).toEqual([]);
  });

  test('mark one option as correct and leave it without a label', () => {
    for (const row of questions.rows) {
      expect(LETTERS).toContain(row.CorrectAnswer);
      expect(label(row, row.CorrectAnswer)).toBe('');
    }
  });

  test('spread the correct answer over the letters', () => {
    for (const letter of LETTERS) {
      const share = questions.rows.filter((row) => row.CorrectAnswer === letter).length / questions.rows.length;
      expect(share).toBeGreaterThan(0.15);
      expect(share).toBeLessThanOrEqual(0.35);
    }
  });

  test('carry two labels on average, all from the taxonomy, with at least 100 misconceptions used', () => {
    const known = new Set(taxonomy.rows.map((row) => row.MisconceptionId));
    expect(labels.filter((id) => !known.has(id))).toEqual([]);
    expect(labels.length / questions.rows.length).toBeGreaterThanOrEqual(2);
    expect(new Set(labels).size).toBeGreaterThanOrEqual(100);
    expect(questions.rows.filter((row) => LETTERS.every((letter) => label(row, letter) === ''))).toEqual([]);
  });

  test('close every bracket of their LaTeX', () => {
    const texts = questions.rows.flatMap((row) => [row.QuestionText, ...LETTERS.map((x) => row[`Answer${x}Text`])]);
    for (const text of texts) {
      expect([text, count(text, '\\(')]).toEqual([text, count(text, '\\)')]);
      // A line break \\[2pt] would look like an opening bracket; none is used here.
      expect([text, count(text, '\\[')]).toEqual([text, count(text, '\\]')]);
      expect([text, count(text, '{')]).toEqual([text, count(text, '}')]);
    }
  });
});

describe('sample folds', () => {
  test('put every question into one of five folds of nearly equal size', () => {
    expect(folds.columns).toEqual(['QuestionId', 'fold']);
    expect(folds.rows.map((row) => row.QuestionId)).toEqual(questions.rows.map((row) => row.QuestionId));
    const sizes = [0, 1, 2, 3, 4].map((k) => folds.rows.filter((row) => row.fold === `${k}`).length);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(folds.rows.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });
});
