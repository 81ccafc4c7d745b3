/** Predictions against labelled data: joins them by question and option, and scores them. */
import type { EediData } from '../data/eedi.ts';
import type { PredictionRow } from '../data/prediction_table.ts';
import { pairKey, seenElsewhere } from '../data/questions.ts';
import { UserError } from '../errors.ts';
import { evaluate, type Report } from './retrieval.ts';

export interface Judged<K extends number = 25> {
  report: Report<K>;
  /** Labelled pairs of the data, or of the fold, that the predictions leave out; they are not scored. */
  missing: number;
  /** Predictions for options that the data has no label for; they are not scored. */
  unlabelled: number;
}

export interface JudgeOptions<K extends number> {
  /** Scores the pairs of one fold only. */
  fold?: number;
  k?: K;
  /** What messages call the predictions: their path. */
  file: string;
}

/**
 * Scores predictions with the labels of `data`. A pair is seen where its misconception is a positive in another fold.
 * Throws a UserError for a fold that the data does not have, for predictions of questions or with labels that the
 * data does not have, and where nothing is left to be scored.
 */
export function judgePredictions<K extends number = 25>(
  data: Pick<EediData, 'dir' | 'questions' | 'pairs' | 'folds'>,
  predictions: readonly PredictionRow[],
  { fold, k, file }: JudgeOptions<K>,
): Judged<K> {
  requireFold(data, fold);
  const pairs = new Map(data.pairs.map((pair) => [pairKey(pair), pair]));
  const questions = new Set(data.questions.map(({ questionId }) => questionId));
  const seen = seenElsewhere(data.pairs);
  let unlabelled = 0;
  const rows = predictions.flatMap((row) => {
    const pair = pairs.get(pairKey(row));
    if (!questions.has(row.questionId)) {
      throw new UserError(`${file}: question ${row.questionId} is not in ${data.dir}: predictions of other data?`);
    }
    if (!pair) {
      unlabelled++;
      return [];
    }
    if (row.label !== undefined && row.label !== pair.label) {
      throw new UserError(
        `${file}: question ${pairKey(row)} has the label ${row.label}, in ${data.dir} it is ${pair.label}: predictions of other data?`,
      );
    }
    return fold === undefined || pair.fold === fold ? [{ label: pair.label!, pred: row.pred, seen: seen(pair) }] : [];
  });
  if (rows.length === 0) {
    throw new UserError(
      `${file}: no predictions for the labelled pairs of ${data.dir}${fold === undefined ? '' : `, fold ${fold}`}`,
    );
  }
  const wanted = data.pairs.filter((pair) => fold === undefined || pair.fold === fold).length;
  return { report: evaluate(rows, { k }), missing: wanted - rows.length, unlabelled };
}

/** Throws a UserError that lists the folds, unless `fold` is one of them or not given. */
export function requireFold({ dir, folds }: Pick<EediData, 'dir' | 'folds'>, fold: number | undefined): void {
  if (fold === undefined || folds.includes(fold)) return;
  throw new UserError(`${dir}: no fold ${fold}, there are ${folds.join(', ')}`);
}
