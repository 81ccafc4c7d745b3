/**
 * Multiple-choice questions in Eedi's columns, and their pivot to one row per wrong option, the unit that is
 * embedded, ranked and scored.
 */
import { UserError } from '../errors.ts';
import {
  type CsvRow,
  type CsvTable,
  cellError,
  cellInteger,
  excerpt,
  parseCsv,
  requireColumns,
  requiredInteger,
} from './csv.ts';
import type { Taxonomy } from './taxonomy.ts';

export type Letter = 'A' | 'B' | 'C' | 'D';
export const LETTERS: readonly Letter[] = ['A', 'B', 'C', 'D'];

export interface Question {
  questionId: number;
  constructId?: number;
  construct?: string;
  subjectId?: number;
  subject?: string;
  correct: Letter;
  text: string;
  answers: Record<Letter, string>;
  /** The misconception behind a wrong option, where someone labelled it. */
  labels: Partial<Record<Letter, number>>;
  /** Line of the file on which the question starts. */
  line: number;
}

/** One wrong option of one question. */
export interface Pair {
  questionId: number;
  answer: Letter;
  label?: number;
  fold?: number;
  /** A larger model's guess at the error. */
  rationale?: string;
  question: Question;
}

export interface QuestionsOptions {
  /** Training data must have the label, construct and subject columns; questions to be ranked need not. */
  labels: 'required' | 'optional';
  /** Labels must be ids of it. */
  taxonomy?: Taxonomy;
}

const answerColumn = (letter: Letter) => `Answer${letter}Text`;
const labelColumn = (letter: Letter) => `Misconception${letter}Id`;

const NEEDED = ['QuestionId', 'CorrectAnswer', 'QuestionText', ...LETTERS.map(answerColumn)];
const NEEDED_TO_TRAIN = ['ConstructName', 'SubjectName', ...LETTERS.map(labelColumn)];

/** A letter A to D, or undefined. */
export const asLetter = (text: string): Letter | undefined => LETTERS.find((letter) => letter === text);

/**
 * The questions of a CSV text, texts as they stand (nothing is trimmed). Extra columns are ignored; blank constructs
 * and subjects count as absent. Throws a UserError naming file, line and column for a missing column or text, a
 * letter other than A-D, an id that is no whole number or repeated, a labelled correct or empty option, a label
 * outside the taxonomy, and no rows.
 */
export function parseQuestions(text: string, file: string, { labels, taxonomy }: QuestionsOptions): Question[] {
  const table = parseCsv(text, file);
  requireColumns(table, labels === 'required' ? [...NEEDED, ...NEEDED_TO_TRAIN] : NEEDED);
  const known = taxonomy && new Set(taxonomy.ids);
  const lines = new Map<number, number>();
  const questions = table.rows.map((row) => {
    const question = parseQuestion(table, row, known);
    const before = lines.get(question.questionId);
    if (before !== undefined) {
      const message = `the question ${question.questionId} is already on line ${before}`;
      throw cellError(table, row, 'QuestionId', message);
    }
    lines.set(question.questionId, row.line);
    return question;
  });
  if (questions.length === 0) throw new UserError(`${file}: no questions, only a header row`);
  return questions;
}

function parseQuestion(table: CsvTable, row: CsvRow, known: ReadonlySet<number> | undefined): Question {
  const { cells, line } = row;
  const correct = asLetter(cells.CorrectAnswer.trim());
  if (!correct) throw cellError(table, row, 'CorrectAnswer', `'${excerpt(cells.CorrectAnswer)}' is not A, B, C or D`);
  for (const column of ['QuestionText', answerColumn(correct)]) {
    if (cells[column].trim() === '') throw cellError(table, row, column, 'blank, a text is expected');
  }
  const optionalText = (column: string) => (cells[column]?.trim() ? cells[column] : undefined);
  const optionalId = (column: string) => (table.columns.includes(column) ? cellInteger(table, row, column) : undefined);
  return {
    questionId: requiredInteger(table, row, 'QuestionId'),
    constructId: optionalId('ConstructId'),
    construct: optionalText('ConstructName'),
    subjectId: optionalId('SubjectId'),
    subject: optionalText('SubjectName'),
    correct,
    text: cells.QuestionText,
    answers: { A: cells.AnswerAText, B: cells.AnswerBText, C: cells.AnswerCText, D: cells.AnswerDText },
    labels: parseLabels(table, row, correct, known),
    line,
  };
}

function parseLabels(table: CsvTable, row: CsvRow, correct: Letter, known?: ReadonlySet<number>): Question['labels'] {
  const labels: Question['labels'] = {};
  for (const letter of LETTERS) {
    const column = labelColumn(letter);
    const label = table.columns.includes(column) ? cellInteger(table, row, column) : undefined;
    if (label === undefined) continue;
    if (letter === correct) throw cellError(table, row, column, `${letter} is the correct answer and has a label`);
    if (row.cells[answerColumn(letter)].trim() === '') {
      throw cellError(table, row, column, `${letter} has a label and no text in ${answerColumn(letter)}`);
    }
    if (known && !known.has(label)) throw cellError(table, row, column, `${label} is not an id of the taxonomy`);
    labels[letter] = label;
  }
  return labels;
}

/**
 * One row per labelled wrong option; a question without labels gives every wrong option that has a text.
 * In the published order: all A in the order of the questions, then all B, C, D.
 */
export function pivot(questions: readonly Question[]): Pair[] {
  return LETTERS.flatMap((answer) =>
    questions.filter((question) => isRow(question, answer)).map((question) => pairOf(question, answer)),
  );
}

function isRow({ labels, answers, correct }: Question, letter: Letter): boolean {
  if (Object.keys(labels).length > 0) return labels[letter] !== undefined;
  return letter !== correct && answers[letter].trim() !== '';
}

function pairOf(question: Question, answer: Letter): Pair {
  return { questionId: question.questionId, answer, label: question.labels[answer], question };
}

/** A key for a pair in maps: its question and option. */
export const pairKey = ({ questionId, answer }: { questionId: number; answer: Letter }): string =>
  `${questionId} ${answer}`;

/**
 * Whether a pair's misconception is the label of a pair in another fold, that is, whether a model trained on the other
 * folds has seen it.
 */
export function seenElsewhere(pairs: readonly Pair[]): (pair: Pair) => boolean {
  const foldsOf = new Map<number | undefined, Set<number | undefined>>();
  for (const { label, fold } of pairs) foldsOf.set(label, (foldsOf.get(label) ?? new Set()).add(fold));
  return ({ label, fold }) => {
    const folds = foldsOf.get(label);
    return folds !== undefined && folds.size > (folds.has(fold) ? 1 : 0);
  };
}
