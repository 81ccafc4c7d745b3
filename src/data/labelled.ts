/** Labelled questions to rank by: their labelled wrong options, as texts and as what `Ranker` is told of each. */
import { UserError } from '../errors.ts';
import { type QueryParts, queryText } from './prompt.ts';
import { type Pair, pivot, type Question } from './questions.ts';

/** The wrong options of a file's questions that have a label. UserError where none has. */
export function labelledPairs(questions: readonly Question[], file: string): (Pair & { label: number })[] {
  const labelled = pivot(questions).flatMap((pair) =>
    pair.label === undefined ? [] : [{ ...pair, label: pair.label }],
  );
  if (!labelled.length)
    throw new UserError(
      `${file}: no wrong option has a label: MisconceptionAId to MisconceptionDId are to name misconceptions`,
    );
  return labelled;
}

/** The labelled questions' share of a score, unless another is asked for: what fold 2 of Eedi chose (results/h200/train.txt). */
export const EXAMPLES_WEIGHT = 0.5;

/** A labelled wrong option. */
export interface LabelledOption {
  parts: QueryParts;
  /** Its misconception, as a row of the taxonomy. */
  row: number;
  /** Stands for its question. */
  key: string;
}

export interface LabelledTexts {
  texts: string[];
  rows: number[];
  /** Numbers of their questions. */
  origins: number[];
  /** The number of a question, if an option is of it. */
  originOf(key: string): number | undefined;
}

export function labelledTexts(options: readonly LabelledOption[]): LabelledTexts {
  const keys = [...new Set(options.map(({ key }) => key))];
  const numbers = new Map(keys.map((key, number) => [key, number]));
  return {
    texts: options.map(({ parts }) => queryText(parts)),
    rows: options.map(({ row }) => row),
    origins: options.map(({ key }) => numbers.get(key)!),
    originOf: (key) => numbers.get(key),
  };
}
