/** The project's own sample data, in a chunk of its own: 299 misconceptions and 189 worked questions. */
import taxonomyCsv from '../../data/sample/misconception_mapping.csv?raw';
import questionsCsv from '../../data/sample/train.csv?raw';
import { LETTERS, type Letter, parseQuestions } from '../../src/data/questions.ts';
import { parseTaxonomy } from '../../src/data/taxonomy.ts';
import type { Misconception } from '../worker/api.ts';

export interface Example {
  id: number;
  question: string;
  construct: string;
  subject: string;
  options: string[];
  correct: number;
  /** Per option, the misconception its author wrote it for. */
  behind: (string | undefined)[];
}

export function sampleTaxonomy(): Misconception[] {
  const { ids, names } = parseTaxonomy(taxonomyCsv, 'misconception_mapping.csv');
  return ids.map((id, i) => ({ id, name: names[i] }));
}

/** The sample's questions in its order, with the name of the misconception behind each option where one is given. */
export function sampleExamples(): Example[] {
  const names = new Map(sampleTaxonomy().map(({ id, name }) => [id, name]));
  const perOption = <T>(of: (letter: Letter) => T) => LETTERS.map(of);
  return parseQuestions(questionsCsv, 'train.csv', { labels: 'optional' }).map((q) => ({
    id: q.questionId,
    question: q.text,
    construct: q.construct ?? '',
    subject: q.subject ?? '',
    options: perOption((letter) => q.answers[letter]),
    correct: LETTERS.indexOf(q.correct),
    behind: perOption((letter) => {
      const label = q.labels[letter];
      return label === undefined ? undefined : names.get(label);
    }),
  }));
}
