/** Generated questions as the files of a data folder: Eedi's columns, so that one reader serves all. */
import { formatCsv } from '../data/csv.ts';
import { makeFolds } from '../data/folds.ts';
import { LETTERS } from '../data/questions.ts';
import type { Taxonomy } from '../data/taxonomy.ts';
import type { Generated } from './generate.ts';

const COLUMNS = [
  'QuestionId',
  'ConstructId',
  'ConstructName',
  'SubjectId',
  'SubjectName',
  'CorrectAnswer',
  'QuestionText',
  ...LETTERS.map((letter) => `Answer${letter}Text`),
  ...LETTERS.map((letter) => `Misconception${letter}Id`),
];

/** The texts of train.csv, misconception_mapping.csv and folds.csv, by file name. */
export function eediFiles(questions: readonly Generated[], taxonomy: Taxonomy): Map<string, string> {
  const rows = questions.map((q) => [
    q.questionId,
    q.constructId,
    q.construct,
    q.subjectId,
    q.subject,
    q.correct,
    q.text,
    ...LETTERS.map((letter) => q.answers[letter]),
    ...LETTERS.map((letter) => q.labels[letter]),
  ]);
  const folds = [...makeFolds(questions.map(({ questionId }) => questionId))].sort(([a], [b]) => a - b);
  return new Map([
    ['train.csv', formatCsv(COLUMNS, rows)],
    [
      'misconception_mapping.csv',
      formatCsv(
        ['MisconceptionId', 'MisconceptionName'],
        taxonomy.ids.map((id, i) => [id, taxonomy.names[i]]),
      ),
    ],
    ['folds.csv', formatCsv(['QuestionId', 'fold'], folds)],
  ]);
}
