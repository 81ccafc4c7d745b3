/** `rank --examples`: the labelled wrong options that questions are ranked by, beside the names. */
import { type EediData, pivot, readQuestions, type Taxonomy } from '../data/eedi.ts';
import { queryParts, queryText } from '../data/prompt.ts';
import type { Pair, Question } from '../data/questions.ts';
import { UserError } from '../errors.ts';

/** Labelled wrong options: texts, and what `Ranker` is told of each. */
export interface LabelledTexts {
  texts: string[];
  /** Rows of the taxonomy. */
  rows: number[];
  origins: number[];
  /** The origin of a query: that of the examples which come from the same question, if there are any. */
  originOf(question: Question): number | undefined;
}

/** Of a CSV file in Eedi's columns. UserError where a label is no id of the taxonomy, and where nothing has a label. */
export async function examplesOfFile(path: string, taxonomy: Taxonomy): Promise<LabelledTexts> {
  const labelled = pivot(await readQuestions(path, taxonomy)).filter(({ label }) => label !== undefined);
  if (!labelled.length) throw new UserError(`${path}: no wrong option has a label, which --examples is to learn from`);
  return labelledTexts(labelled, taxonomy, true);
}

/** Of a data folder: all folds but `fold`. UserError where nothing is left. */
export function examplesOfData(
  { dir, pairs, taxonomy }: EediData,
  fold: number | undefined,
  rationale: boolean,
): LabelledTexts {
  const others = pairs.filter((pair) => fold === undefined || pair.fold !== fold);
  if (!others.length) throw new UserError(`${dir}: every labelled row is of fold ${fold}: none is left for --examples`);
  return labelledTexts(others, taxonomy, rationale);
}

function labelledTexts(pairs: readonly Pair[], taxonomy: Taxonomy, rationale: boolean): LabelledTexts {
  const rowOf = new Map(taxonomy.ids.map((id, row) => [id, row]));
  // Two files may number different questions alike.
  const key = ({ questionId, text }: Question) => `${questionId} ${text}`;
  const keys = [...new Set(pairs.map(({ question }) => key(question)))];
  const numbers = new Map(keys.map((k, number) => [k, number]));
  return {
    texts: pairs.map((pair) => queryText(queryParts(pair, { rationale }))),
    rows: pairs.map(({ label }) => rowOf.get(label!)!),
    origins: pairs.map(({ question }) => numbers.get(key(question))!),
    originOf: (question) => numbers.get(key(question)),
  };
}
