import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadEedi, readQuestions, type Taxonomy } from '../data/eedi.ts';
import { examplesOfData, examplesOfFile } from './examples.ts';

const HEAD =
  'QuestionId,ConstructName,SubjectName,CorrectAnswer,QuestionText,AnswerAText,AnswerBText,AnswerCText,AnswerDText,' +
  'MisconceptionAId,MisconceptionBId,MisconceptionCId,MisconceptionDId';
const taxonomy: Taxonomy = { ids: [7, 9, 12], names: ['Adds', 'Subtracts', 'Doubles'] };

async function withCsv<T>(rows: readonly string[], use: (path: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'lacuna-examples-'));
  try {
    const path = join(dir, 'labelled.csv');
    await writeFile(path, [HEAD, ...rows, ''].join('\n'));
    return await use(path);
  } finally {
    await rm(dir, { recursive: true });
  }
}

describe('examples of a file', () => {
  test('are its labelled wrong options, with the question that they come from', async () => {
    const labelled = ['3,Add,Sums,A,2 + 3,5,6,1,4,,9,7,', '4,Add,Sums,B,1 + 1,1,2,3,4,12,,,'];
    await withCsv(labelled, async (path) => {
      const { texts, rows, origins, originOf } = await examplesOfFile(path, taxonomy);
      expect(rows).toEqual([2, 1, 0]);
      expect(origins).toEqual([0, 1, 1]);
      expect(texts[1]).toContain('<Question> 2 + 3 <Correct Answer> 5 <Incorrect Answer> 6 <Construct> Add');
      const [first, second] = await readQuestions(path);
      expect([originOf(first), originOf(second)]).toEqual([1, 0]);
      // The same number in another file is another question.
      expect(originOf({ ...first, text: '7 - 2' })).toBeUndefined();
    });
  });

  test.each([
    ['without a label', '3,Add,Sums,A,2 + 3,5,6,1,4,,,,', 'labelled.csv: no wrong option has a label'],
    [
      'with one of another taxonomy',
      '3,Add,Sums,A,2 + 3,5,6,1,4,,8,,',
      /labelled\.csv:2.*8 is not an id of the taxonomy/,
    ],
  ])('%s are refused', async (_, row, message) => {
    await withCsv([row], (path) => expect(examplesOfFile(path, taxonomy)).rejects.toThrow(message));
  });
});

test('examples of a folder leave the fold out that is ranked', async () => {
  const data = await loadEedi('data/sample');
  const all = examplesOfData(data, undefined, true);
  const others = examplesOfData(data, 0, true);
  const held = data.pairs.filter(({ fold }) => fold === 0);
  expect(all.texts).toHaveLength(data.pairs.length);
  expect(others.texts).toHaveLength(data.pairs.length - held.length);
  for (const { question } of held) expect(others.originOf(question)).toBeUndefined();
  const one = { ...data, pairs: held };
  expect(() => examplesOfData(one, 0, true)).toThrow('none is left for --examples');
});
