import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type EediData, loadEedi, type Pair, type Question } from '../data/eedi.ts';
import { readPredictions } from '../data/predictions.ts';
import { UserError } from '../errors.ts';
import { judgePredictions } from './predictions.ts';

const DATA = new URL('../../../shared/data', import.meta.url).pathname;
const absent = !existsSync(join(DATA, 'eedi')) || !existsSync(join(DATA, 'seed-results'));
if (absent) console.log(`skipped: the golden numbers of published predictions need ${DATA}/eedi and seed-results`);

const near = (actual: number | null, expected: number) => expect(Math.abs(actual! - expected)).toBeLessThan(0.0006);

describe.skipIf(absent)('golden numbers of published predictions', () => {
  let loaded: Promise<EediData> | undefined;
  const judge = async (name: string, options: { fold?: number; k?: number }) => {
    loaded ??= loadEedi(join(DATA, 'eedi'));
    const file = join(DATA, 'seed-results', name);
    return judgePredictions(await loaded, await readPredictions(file), { ...options, file });
  };

  test.each([
    [0, 0.5517, 0.9188],
    [1, 0.5076, 0.9233],
    [2, 0.5314, 0.9268],
  ])('exp010, fold %s', async (fold, map, recall) => {
    const { report, missing } = await judge(`exp010_fold_${fold}_val_pred.parquet`, { fold });
    expect([report.rows, missing]).toEqual([874, 0]);
    near(report['map@25'], map);
    near(report['recall@25'], recall);
    const [low, high] = report.intervals['map@25']!;
    expect(low < map && map < high && high - low < 0.06).toBe(true);
  });

  test('exp239, all pairs; recall at 25, 35 and 50', async () => {
    const name = 'exp239_val_pred_239_240_241.parquet';
    const { report } = await judge(name, {});
    near(report['map@25'], 0.4618);
    near(report['recall@25'], 0.8892);
    expect(report.seen.rows / report.rows).toBeGreaterThan(0.725);
    expect(report.seen.rows / report.rows).toBeLessThan(0.735);
    near(((await judge(name, { k: 35 })).report as unknown as Record<string, number>)['recall@35'], 0.913);
    near(((await judge(name, { k: 50 })).report as unknown as Record<string, number>)['recall@50'], 0.934);
  });
});

describe('judgePredictions', () => {
  const question = (questionId: number, labels: Question['labels']): Question => {
    const answers = { A: 'a', B: 'b', C: 'c', D: 'd' };
    return { questionId, correct: 'D', text: 'q', answers, labels, line: 2 };
  };
  const questions = [question(1, { A: 7, B: 8 }), question(2, { A: 7 }), question(3, { C: 9 })];
  const folds = [0, 1, 0];
  const pairs: Pair[] = questions.flatMap((q, i) =>
    (Object.entries(q.labels) as ['A', number][]).map(([answer, label]) => {
      return { questionId: q.questionId, answer, label, fold: folds[i], question: q };
    }),
  );
  const data = { dir: 'DIR', questions, pairs, folds: [0, 1] };
  const row = (questionId: number, answer: 'A' | 'B' | 'C', pred: number[], label?: number) => {
    return { questionId, answer, label, pred };
  };

  test('labels come from the data, seen from the other folds; the rest is counted', () => {
    const predictions = [row(1, 'A', [7], 7), row(1, 'B', [1, 8]), row(2, 'A', [1]), row(2, 'B', [1])];
    const { report, missing, unlabelled } = judgePredictions(data, predictions, { file: 'P' });
    expect([report.rows, missing, unlabelled]).toEqual([3, 1, 1]);
    expect(report['map@25']).toBe(0.5);
    expect([report.seen['map@25'], report.seen.rows]).toEqual([0.5, 2]);
    expect([report.unseen['map@25'], report.unseen.rows]).toEqual([0.5, 1]);
  });

  test('a fold is scored alone', () => {
    const { report, missing } = judgePredictions(data, [row(1, 'A', [7]), row(2, 'A', [1])], { fold: 1, file: 'P' });
    expect([report.rows, report['map@25'], missing]).toEqual([1, 0, 0]);
  });

  const message = (predictions: ReturnType<typeof row>[], fold?: number): string => {
    try {
      judgePredictions(data, predictions, { fold, file: 'P' });
    } catch (error) {
      if (error instanceof UserError) return error.message;
      throw error;
    }
    return 'no error';
  };

  test('predictions of other data are refused', () => {
    expect(message([row(4, 'A', [7])])).toBe('P: question 4 is not in DIR: predictions of other data?');
    expect(message([row(1, 'A', [7], 8)])).toBe(
      'P: question 1 A has the label 8, in DIR it is 7: predictions of other data?',
    );
    expect(message([row(1, 'A', [7])], 1)).toBe('P: no predictions for the labelled pairs of DIR, fold 1');
    expect(message([row(1, 'A', [7])], 2)).toBe('DIR: no fold 2, there are 0, 1');
    expect(message([])).toBe('P: no predictions for the labelled pairs of DIR');
  });
});
