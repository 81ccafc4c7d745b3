/** Folders to training data: rows by fold, seen labels, lengths, and a line for everything a folder can lack. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { goldenPath } from '../../test/golden/golden.ts';
import { UserError } from '../errors.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import { tokenizerOf } from '../model/tokenizer_of.ts';
import { prepareData } from './data.ts';

const SAMPLE = fileURLToPath(new URL('../../data/sample', import.meta.url));
const LENGTHS = { queryLength: 40, passageLength: 12, evalLength: 60 };
const HEADER =
  'QuestionId,ConstructName,SubjectName,CorrectAnswer,QuestionText,AnswerAText,AnswerBText,AnswerCText,AnswerDText,MisconceptionAId,MisconceptionBId,MisconceptionCId,MisconceptionDId';
const NAMES = 'MisconceptionId,MisconceptionName\n10,Adds\n20,Subtracts upside down\n30,Never used\n';

const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});

function folder(files: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), 'lacuna-data-'));
  made.push(dir);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

async function tokenizer(): Promise<Tokenizer> {
  const checkpoint = await openCheckpoint(goldenPath('qwen2-f32'));
  await checkpoint.close();
  return tokenizerOf(checkpoint);
}

const question = (id: number, b: number | '', c: number | '' = '') => `${id},c,s,A,What?,1,2,3,4,,${b},${c},\n`;

async function refusal(dir: string, fold?: number, maxPositions = 512, lengths = LENGTHS): Promise<string> {
  const error = await prepareData(dir, await tokenizer(), lengths, { fold, maxPositions }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(UserError);
  expect((error as Error).message).not.toContain('\n');
  return (error as Error).message;
}

describe('training data', () => {
  test('of the sample: every row is trained on or held out, cut to its length', async () => {
    const { data, eedi, heldOut, cut } = await prepareData(SAMPLE, await tokenizer(), LENGTHS, {
      fold: 0,
      maxPositions: 512,
    });
    const { queries, labels, passages, validation } = data;
    expect(queries.length + heldOut.length).toBe(eedi.pairs.length);
    expect(labels.length).toBe(queries.length);
    expect(passages.length).toBe(eedi.taxonomy.ids.length);
    expect(heldOut.every((pair) => pair.fold === 0)).toBe(true);
    expect(Math.max(...queries.map((ids) => ids.length))).toBe(40);
    expect(Math.max(...passages.map((ids) => ids.length))).toBe(12);
    expect(Math.max(...validation!.queries.map((ids) => ids.length))).toBe(60);
    expect(Math.max(...validation!.passages.map((ids) => ids.length))).toBeGreaterThan(12);
    expect(cut.queries).toBe(queries.length);
    expect(cut.passages).toBeGreaterThan(0);
    expect(validation!.labels.map((row) => eedi.taxonomy.ids[row])).toEqual(heldOut.map((pair) => pair.label));
    const seen = validation!.labels.map((row) => labels.includes(row));
    expect(validation!.seen).toEqual(seen);
    expect(seen.includes(true) && seen.includes(false)).toBe(true);
  });

  test('without folds.csv: five folds by question, whatever the order of the file', async () => {
    const rows = Array.from({ length: 10 }, (_, i) => question(i, 10, 20));
    const [a, b] = [rows, [...rows].reverse()].map((list) =>
      folder({ 'train.csv': `${HEADER}\n${list.join('')}`, 'misconception_mapping.csv': NAMES }),
    );
    const held = async (dir: string) => {
      const { heldOut } = await prepareData(dir, await tokenizer(), LENGTHS, { fold: 3, maxPositions: 512 });
      return heldOut.map((pair) => pair.questionId).sort((x, y) => x - y);
    };
    expect((await held(a)).length).toBe(4);
    expect(await held(a)).toEqual(await held(b));
  });

  test('without a fold everything is trained on; rationales can be left out', async () => {
    const files = {
      'train.csv': `${HEADER}\n${question(1, 10)}${question(2, 20)}`,
      'misconception_mapping.csv': NAMES,
      'rationales.csv': 'QuestionId,Answer,Rationale\n1,B,took the lower from the upper\n',
    };
    const t = await tokenizer();
    const long = { queryLength: 500, passageLength: 500, evalLength: 500 };
    const options = { maxPositions: 512 };
    const { data } = await prepareData(folder(files), t, long, options);
    expect(data.validation).toBe(undefined);
    expect(data.labels).toEqual([0, 1]);
    expect(data.queries[0].length).toBeGreaterThan(data.queries[1].length);
    const bare = await prepareData(folder(files), t, long, { ...options, withoutRationales: true });
    expect(bare.data.queries[0]).toEqual(bare.data.queries[1]);
  });

  test('what a folder lacks is said in a line', async () => {
    const data = (rows: string, folds?: string) =>
      folder({
        'train.csv': `${HEADER}\n${rows}`,
        'misconception_mapping.csv': NAMES,
        ...(folds && { 'folds.csv': `QuestionId,fold\n${folds}` }),
      });
    expect(await refusal(SAMPLE, 9)).toBe('--fold 9: the data has the folds 0, 1, 2, 3, 4');
    expect(await refusal(data(question(1, 11)))).toMatch(/train\.csv:2:MisconceptionBId: 11 is not an id/);
    expect(await refusal(data(question(1, '')))).toContain('no wrong option has a label');
    expect(await refusal(data(question(1, 10), '1,0\n'), 0)).toContain('none is left to train on');
    expect(await refusal(data(question(1, 10) + question(2, ''), '1,0\n2,1\n'), 1)).toContain('no labelled row');
    expect(await refusal(SAMPLE, 0, 30)).toContain('--set queryLength=40: a text has 40 tokens');
    expect(await refusal(join(SAMPLE, 'nowhere'))).toContain('no such folder');
  });
});
