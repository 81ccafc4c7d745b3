/** The experiments are what pipeline.md's section 2 says, and the synthetic questions are numbered and pooled as published. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { checkSettings, settingNames } from '../train/settings.ts';
import { exp010 } from './exp010.ts';
import { predictionsOf, readSynthetic } from './exp010_infer_gen.ts';
import { exp012 } from './exp012.ts';
import { settingsOf } from './experiment.ts';
import { experimentNamed, experiments, PRESETS } from './index.ts';

test('exp010 as published is what pipeline.md says', () => {
  expect(settingsOf(exp010, 'as-published')).toEqual({
    ...{ lr: 1e-4, epochs: 10, batch: 16, negatives: 96, pool: 'positives', hardNegatives: 0 },
    ...{ rank: 32, alpha: 64, rslora: false, dropout: 0.05 },
    targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    ...{ queryLength: 144, passageLength: 256, evalLength: 288, warmup: 0.1, weightDecay: 0.01 },
    ...{ beta1: 0.9, beta2: 0.95, eps: 1e-8, clip: 0, scale: 20, seed: 1 },
  });
});

test('ours reads the whole query, and exp012 has more negatives', () => {
  for (const preset of PRESETS) {
    expect(settingsOf(exp012, preset)).toEqual({ ...settingsOf(exp010, preset), negatives: 256 });
    expect(settingsOf(exp010, preset).queryLength).toBe(preset === 'default' ? 288 : 144);
  }
});

test('every preset passes its own check, and every setting has a reason', () => {
  for (const e of experiments) {
    for (const preset of PRESETS) expect(checkSettings(settingsOf(e, preset), 'x')).toEqual(settingsOf(e, preset));
    expect(Object.keys(e.asPublished)).toEqual(settingNames);
    for (const [, why] of Object.values(e.asPublished)) expect(why.length).toBeGreaterThan(5);
  }
});

test('an unknown name is answered with those there are', () => {
  expect(experimentNamed('exp012')).toBe(exp012);
  expect(experimentNamed('exp010_infer_gen')).toBe(undefined);
  expect(() => experimentNamed('exp11')).toThrow(UserError);
  expect(() => experimentNamed('exp11')).toThrow('there are exp010, exp012, exp010_infer_gen');
});

describe('synthetic questions', () => {
  const taxonomy = { ids: [7, 3, 9, 4], names: ['seven', 'three', 'nine', 'four'] };
  const header =
    'ConstructName,SubjectName,CorrectAnswer,QuestionText,AnswerAText,AnswerBText,AnswerCText,AnswerDText,MisconceptionAId,MisconceptionBId,MisconceptionCId,MisconceptionDId';
  const read = async (text: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'lacuna-gen-'));
    try {
      writeFileSync(join(folder, 'x.csv'), text);
      return await readSynthetic(join(folder, 'x.csv'), taxonomy);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  test('are numbered from 100000 by their row, and ranked among the ids that occur', async () => {
    const job = await read(`${header}\nc,s,A,"one\ntwo",1,2,3,4,,9,,\nc,s,B,q,1,2,3,4,4,,,9\n`);
    expect(job.pairs.map((p) => [p.questionId, p.answer, p.label])).toEqual([
      [100001, 'A', 4],
      [100000, 'B', 9],
      [100001, 'D', 9],
    ]);
    expect(job.pool).toEqual({ ids: [9, 4], names: ['nine', 'four'] });
    expect(job.queries[1]).toContain('<Question> one\ntwo <Correct Answer> 1 <Incorrect Answer> 2');
    expect(predictionsOf(job, [[1, 0], [0], Uint32Array.of(0, 1)])).toEqual([
      { questionId: 100001, answer: 'A', label: 4, pred: [4, 9] },
      { questionId: 100000, answer: 'B', label: 9, pred: [9] },
      { questionId: 100001, answer: 'D', label: 9, pred: [9, 4] },
    ]);
  });

  test('ids of their own give way, and errors name the line of the file', async () => {
    const own = await read(`QuestionId,${header}\n5,c,s,A,q,1,2,3,4,,9,,\n5,c,s,A,q,1,2,3,4,,9,,\n`);
    expect(own.pairs.map((p) => p.questionId)).toEqual([100000, 100001]);
    await expect(read(`${header}\n\nc,s,A,"one\ntwo",1,2,3,4,,9,,\n\nc,s,E,q,1,2,3,4,,9,,\n`)).rejects.toThrow(
      /x\.csv:6:CorrectAnswer: 'E'/,
    );
    await expect(read(`${header}\nc,s,A,q,1,2,3,4,,8,,\n`)).rejects.toThrow('8 is not an id of the taxonomy');
    await expect(read(`${header}\nc,s,A,q,1,2,3,4,,,,\n`)).rejects.toThrow('no wrong option has a label');
  });
});
