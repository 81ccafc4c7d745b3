/** Labelled answers as the ranker's examples: those whose misconception the taxonomy still has. */
import { EXAMPLES_WEIGHT, labelledTexts } from '../../src/data/labelled.ts';
import type { Examples } from '../../src/retrieve/examples.ts';
import type { LabelledAnswer, Misconception } from './api.ts';

/**
 * Each answer's row of the taxonomy; undefined where no row has that id and that name: another taxonomy may number
 * other misconceptions alike.
 */
export function rowsBorne(answers: readonly LabelledAnswer[], rows: readonly Misconception[]): (number | undefined)[] {
  const rowOf = new Map(rows.map(({ id, name }, row) => [`${id} ${name}`, row]));
  return answers.map(({ misconception: { id, name } }) => rowOf.get(`${id} ${name}`));
}

export interface PageExamples extends Examples {
  /** The origin of a question, if an example is of the same text. */
  originOf(question: string): number | undefined;
}

/** `vectors`: f32 [answers, dimensions]. */
export function examplesFor(
  answers: readonly LabelledAnswer[],
  vectors: Float32Array,
  rows: readonly Misconception[],
): PageExamples {
  const d = vectors.length / Math.max(1, answers.length);
  const used = rowsBorne(answers, rows).flatMap((row, i) =>
    row === undefined ? [] : [{ i, row, parts: answers[i].question, key: answers[i].question.question }],
  );
  const own = new Float32Array(used.length * d);
  used.forEach(({ i }, at) => {
    own.set(vectors.subarray(i * d, (i + 1) * d), at * d);
  });
  return { ...labelledTexts(used), vectors: own, weight: EXAMPLES_WEIGHT };
}
