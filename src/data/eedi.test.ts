import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { identify, loadEedi, pivot, readQuestions, readTaxonomy } from './eedi.ts';
import { queryParts, queryText } from './prompt.ts';

const EEDI = new URL('../../../shared/data/eedi', import.meta.url).pathname;
const absent = !existsSync(EEDI);
if (absent) console.log(`skipped: what is checked on Eedi's data needs it in ${EEDI}`);

const message = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return 'no error';
};

describe.skipIf(absent)("Eedi's own files", () => {
  test('4,370 pairs in five folds of 874, in the published order', async () => {
    const { questions, pairs, taxonomy, folds } = await loadEedi(EEDI);
    expect([questions.length, pairs.length, taxonomy.names.length]).toEqual([1869, 4370, 2587]);
    expect(folds.map((fold) => pairs.filter((pair) => pair.fold === fold).length)).toEqual([874, 874, 874, 874, 874]);
    expect(new Set(pairs.map(({ label }) => label)).size).toBe(1604);
    expect(pairs.every(({ rationale }) => rationale !== undefined)).toBe(true);
    expect(pairs.map(({ answer }) => answer).join('')).toMatch(/^A+B+C+D+$/);
    expect(questions[100].line).toBe(351);
  });

  test('all query texts, byte for byte those of the reference in Python', async () => {
    const hash = createHash('sha256');
    for (const pair of (await loadEedi(EEDI)).pairs) hash.update(`${queryText(queryParts(pair))}\n`);
    // sha256 of the column text_r of ../shared/lab/eedi.py, each text followed by a newline.
    expect(hash.digest('hex')).toBe('1acd10a87e2bf28b0683988d07c75cb3a2f478ffd60aca43d9882b24dc2f700c');
  });

  test('the sums identify them, in part or whole', async () => {
    expect((await identify(EEDI)).description).toBe('the published Eedi files');
  });

  test('the unlabelled sample of the hidden test gives every wrong option', async () => {
    expect(pivot(await readQuestions(join(EEDI, 'test.csv'))).length).toBe(9);
  });
});

describe('a folder of ones own', () => {
  const TRAIN = `QuestionId,ConstructName,SubjectName,CorrectAnswer,QuestionText,AnswerAText,AnswerBText,AnswerCText,AnswerDText,MisconceptionAId,MisconceptionBId,MisconceptionCId,MisconceptionDId
1,c,s,A,"q
1",a,b,c,d,,4.0,,
2,c,s,B,q2,a,b,c,d,9,,,4
3,c,s,B,q3,a,b,c,d,,,,
`;
  let dir: string;
  const put = (name: string, text: string | Uint8Array) => writeFile(join(dir, name), text);
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lacuna-eedi-'));
    await put('train.csv', TRAIN);
    await put('misconception_mapping.csv', 'MisconceptionId,MisconceptionName\n4,x\n9,y\n');
  });
  afterAll(() => rm(dir, { recursive: true }));

  test('labelled pairs only; without folds.csv every question gets one of five folds', async () => {
    const { pairs, questions, folds } = await loadEedi(dir);
    expect(pairs.map(({ questionId, answer, label }) => [questionId, answer, label])).toEqual([
      [2, 'A', 9],
      [1, 'B', 4],
      [2, 'D', 4],
    ]);
    expect(questions.length).toBe(3);
    expect(folds.length).toBe(3);
    expect(pairs[0].fold).toBe(pairs[2].fold);
    expect((await identify(dir)).description).toBe("other data in Eedi's columns");
  });

  test('rationales and folds join where they are', async () => {
    await put('folds.csv', 'QuestionId,fold\n1,3\n2,0\n3,0\n99,1\n');
    await put('rationales.csv', 'QuestionId,Answer,Rationale\n2,D,guess\n');
    const { pairs, folds } = await loadEedi(dir);
    expect(folds).toEqual([0, 3]);
    expect(pairs.map(({ fold, rationale }) => [fold, rationale])).toEqual([
      [0, undefined],
      [3, undefined],
      [0, 'guess'],
    ]);
    await put('folds.csv', 'QuestionId,fold\n1,3\n2,0\n');
    expect(await message(loadEedi(dir))).toBe(`${dir}/folds.csv: no fold for question 3 (train.csv:5)`);
    await rm(join(dir, 'folds.csv'));
  });

  test('complaints name the file; what is missing is said to come from Kaggle', async () => {
    await copyFile(join(dir, 'train.csv'), join(dir, 'keep.csv'));
    await put('train.csv', TRAIN.replace(',9,', ',5,'));
    expect(await message(loadEedi(dir))).toBe(`${dir}/train.csv:4:MisconceptionAId: 5 is not an id of the taxonomy`);
    await put('train.csv', new Uint8Array([...new TextEncoder().encode(TRAIN), 0x31, 0xff]));
    expect(await message(loadEedi(dir))).toMatch(/train\.csv:6: byte \d+ is not UTF-8/);
    await rm(join(dir, 'train.csv'));
    expect(await message(loadEedi(dir))).toMatch(/train\.csv missing\. Eedi is the Kaggle competition eedi-mining-mis/);
    await copyFile(join(dir, 'keep.csv'), join(dir, 'train.csv'));
    expect(await message(loadEedi(join(dir, 'nowhere')))).toMatch(/no such folder\. Eedi is the Kaggle competition/);
    expect(await message(readTaxonomy(join(dir, 'nothing.csv')))).toMatch(/nothing\.csv: no such file/);
    expect(await message(readTaxonomy(dir))).toMatch(/folder/);
  });
});
