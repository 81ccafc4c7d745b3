import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatCsv } from '../data/csv.ts';
import { UserError } from '../errors.ts';
import { baselineCommand } from './baseline.ts';
import { evalCommand } from './eval.ts';
import { formatTable } from './table.ts';

/** What a command line writes to stdout. */
async function run(...args: string[]): Promise<string> {
  const program = new Command('lacuna').exitOverride();
  evalCommand(program);
  baselineCommand(program);
  const { write } = process.stdout;
  let out = '';
  process.stdout.write = ((text: string) => {
    out += text;
    return true;
  }) as typeof write;
  try {
    await program.parseAsync(args, { from: 'user' });
  } finally {
    process.stdout.write = write;
  }
  return out;
}

const NAMES = [
  'Adds denominators',
  'Confuses area and perimeter',
  'Orders decimals by length',
  'Subtracts upside down',
];
const TEXTS = [
  'Add fractions, denominators',
  'Find the area, not the perimeter',
  'Order decimals',
  'Subtracts numbers',
];

describe('baseline and eval', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lacuna-eval-'));
    const columns = ['QuestionId', 'ConstructName', 'SubjectName', 'CorrectAnswer', 'QuestionText'];
    for (const letter of 'ABCD') columns.push(`Answer${letter}Text`, `Misconception${letter}Id`);
    const rows = Array.from({ length: 20 }, (_, i) => {
      const text = TEXTS[i % 4];
      return [
        i,
        text,
        'Mathematics',
        'A',
        `${text} ${i}`,
        'a',
        undefined,
        'b',
        10 + (i % 4),
        'c',
        undefined,
        'd',
        undefined,
      ];
    });
    await writeFile(join(dir, 'train.csv'), formatCsv(columns, rows));
    const names = NAMES.map((name, i) => [10 + i, name]);
    await writeFile(join(dir, 'misconception_mapping.csv'), formatCsv(['MisconceptionId', 'MisconceptionName'], names));
  });
  afterAll(() => rm(dir, { recursive: true }));

  test('a baseline finds what shares words, and eval scores its file the same', async () => {
    for (const method of ['tfidf', 'bm25', 'nearest', 'combined']) {
      const out = join(dir, `${method}.parquet`);
      const report = JSON.parse(await run('baseline', '--data', dir, '--method', method, '--out', out, '--json'));
      expect([report.method, report.fold, report.rows, report['recall@25']]).toEqual([method, null, 20, 1]);
      expect(report['map@25']).toBeGreaterThan(0.9);
      const { missing, unlabelled, ...scores } = JSON.parse(
        await run('eval', '--predictions', out, '--data', dir, '--json'),
      );
      expect([missing, unlabelled]).toEqual([0, 0]);
      for (const key of Object.keys(scores)) expect(scores[key]).toEqual(report[key]);
      expect(Object.keys(scores)).toEqual(['map@25', 'recall@25', 'rows', 'intervals', 'seen', 'unseen']);
      expect(Object.keys(scores.seen)).toEqual(['map@25', 'recall@25', 'rows', 'intervals']);
    }
  });

  test('one fold, an analyzer, a cut-off, a table', async () => {
    const report = JSON.parse(
      await run('baseline', '--data', dir, '--analyzer', 'word-bigrams', '--fold', '2', '--json'),
    );
    expect([report.analyzer, report.fold, report.rows]).toEqual(['word-bigrams', 2, 4]);
    await run('baseline', '--data', dir, '--out', join(dir, 'p.csv'));
    expect((await readFile(join(dir, 'p.csv'), 'utf8')).split('\n')[0]).toBe('MisconceptionId,pred,QuestionId,ans');
    const text = await run('eval', '--predictions', join(dir, 'p.csv'), '--data', dir, '--k', '1');
    expect(text).toMatch(/other data in Eedi's columns/);
    expect(text).toMatch(/misconceptions +rows +MAP@1 +95 % +recall@1 +95 %\nall +20 +1\.0000 +1\.000 to 1\.000/);
  });

  test('what a user can mend is a UserError', async () => {
    const message = async (...args: string[]) => {
      try {
        return await run(...args);
      } catch (error) {
        if (error instanceof UserError) return error.message;
        throw error;
      }
    };
    expect(await message('baseline', '--data', dir, '--fold', '7')).toBe(`${dir}: no fold 7, there are 0, 1, 2, 3, 4`);
    expect(await message('baseline', '--data', dir, '--method', 'bm25', '--analyzer', 'char')).toMatch(
      /--analyzer goes/,
    );
    expect(await message('baseline', '--data', dir, '--out', 'p.txt')).toMatch(/predictions end in/);
    expect(await message('eval', '--predictions', join(dir, 'none.csv'), '--data', dir)).toMatch(/no such file/);
    expect(await message('eval', '--predictions', join(dir, 'p.csv'), '--data', '/nowhere')).toMatch(/Kaggle/);
  });
});

test('formatTable pads by characters', () => {
  expect(
    formatTable([
      ['a', 'number'],
      ['ééé', '1'],
    ]),
  ).toBe('a    number\nééé       1\n');
});
