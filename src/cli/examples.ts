/** `rank --examples`: the labelled wrong options that questions are ranked by, beside the names. */
import { type EediData, readQuestions, type Taxonomy } from '../data/eedi.ts';
import { type LabelledTexts, labelledPairs, labelledTexts } from '../data/labelled.ts';
import { queryParts } from '../data/prompt.ts';
import type { Pair, Question } from '../data/questions.ts';
import { UserError } from '../errors.ts';

/** Labelled wrong options: texts, and what `Ranker` is told of each. */
export interface ExampleTexts extends Omit<LabelledTexts, 'originOf'> {
  /** The origin of a query: that of the examples which come from the same question, if there are any. */
  originOf(question: Question): number | undefined;
}

/** Of a CSV file in Eedi's columns. UserError where a label is no id of the taxonomy, and where nothing has a label. */
export async function examplesOfFile(path: string, taxonomy: Taxonomy): Promise<ExampleTexts> {
  return textsOf(labelledPairs(await readQuestions(path, taxonomy), path), taxonomy, true);
}

/** Of a data folder: all folds but `fold`. UserError where nothing is left. */
export function examplesOfData(
  { dir, pairs, taxonomy }: EediData,
  fold: number | undefined,
  rationale: boolean,
): ExampleTexts {
  const others = pairs.filter((pair) => fold === undefined || pair.fold !== fold);
  if (!others.length) throw new UserError(`${dir}: every labelled row is of fold ${fold}: none is left for --examples`);
  return textsOf(others, taxonomy, rationale);
}

function textsOf(pairs: readonly Pair[], taxonomy: Taxonomy, rationale: boolean): ExampleTexts {
  const rowOf = new Map(taxonomy.ids.map((id, row) => [id, row]));
  // Two files may number different questions alike.
  const key = ({ questionId, text }: Question) => `${questionId} ${text}`;
  const made = labelledTexts(
    pairs.map((pair) => ({
      parts: queryParts(pair, { rationale }),
      row: rowOf.get(pair.label!)!,
      key: key(pair.question),
    })),
  );
  return { ...made, originOf: (question) => made.originOf(key(question)) };
}
