/** Folds for cross-validation: by question, so that no question is in training with one wrong option and held out with another. */
import { cellError, parseCsv, requireColumns, requiredInteger } from './csv.ts';
import { shuffled, uniform } from './random.ts';

/** The fold of every question, from a CSV text with the columns QuestionId and fold. */
export function parseFolds(text: string, file: string): Map<number, number> {
  const table = parseCsv(text, file);
  requireColumns(table, ['QuestionId', 'fold']);
  const folds = new Map<number, number>();
  for (const row of table.rows) {
    const id = requiredInteger(table, row, 'QuestionId');
    if (folds.has(id)) throw cellError(table, row, 'QuestionId', `the question ${id} appears twice`);
    folds.set(id, requiredInteger(table, row, 'fold'));
  }
  return folds;
}

/**
 * Folds for data that brings none: the ids in ascending order, shuffled with the seed, dealt in turn to folds
 * 0, 1, …, so fold sizes differ by one at most and the order of the file does not matter.
 */
export function makeFolds(questionIds: readonly number[], { folds = 5, seed = 1 } = {}): Map<number, number> {
  const ids = [...new Set(questionIds)].sort((a, b) => a - b);
  return new Map(shuffled(ids, uniform(seed)).map((id, i) => [id, i % folds]));
}
