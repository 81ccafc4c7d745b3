/**
 * A class's answers and taxonomies as people have them: Eedi's columns, or plain ones by the names that teachers give
 * them. Only the header decides which; every complaint names line and column.
 */
import { type CsvRow, type CsvTable, cellError, excerpt, parseCsv, requiredInteger } from '../../src/data/csv.ts';
import { labelledPairs } from '../../src/data/labelled.ts';
import { queryParts } from '../../src/data/prompt.ts';
import { asLetter, parseQuestions, pivot } from '../../src/data/questions.ts';
import { parseTaxonomy } from '../../src/data/taxonomy.ts';
import { decodeUtf8 } from '../../src/data/utf8.ts';
import { UserError } from '../../src/errors.ts';
import type { ClassRow, LabelledAnswer, Misconception, Question } from './api.ts';

export type ClassEntry = Omit<ClassRow, 'ranked'>;

/** More than any school has; a file beyond it is another one. */
const MOST_BYTES = 64 * 2 ** 20;

/** Twice what Eedi's training data has; all of them lie on the GPU. */
const MOST_LABELLED = 10_000;

/** Column names of each part, without case, spaces, underscores and hyphens. */
const NAMES = {
  question: ['question', 'questiontext', 'problem', 'item'],
  correct: ['correct', 'correctanswer', 'correctanswertext', 'rightanswer', 'solution', 'key'],
  incorrect: [
    'incorrect',
    'incorrectanswer',
    'incorrectanswertext',
    'wrong',
    'wronganswer',
    'answer',
    'pupilanswer',
    'studentanswer',
    'givenanswer',
    'response',
  ],
  construct: ['construct', 'constructname', 'skill', 'objective'],
  subject: ['subject', 'subjectname', 'topic'],
  label: ['pupil', 'student', 'pupilname', 'studentname', 'learner', 'name', 'user', 'userid', 'label', 'id'],
  id: ['misconceptionid', 'id', 'number'],
  name: ['misconceptionname', 'misconception', 'name', 'description', 'text'],
} as const;

const plain = (column: string): string => column.toLowerCase().replace(/[\s_-]/g, '');

/** The table's column for a part: the first of its names that is there. */
function columnFor(table: CsvTable, part: keyof typeof NAMES): string | undefined {
  for (const name of NAMES[part]) {
    const column = table.columns.find((c) => plain(c) === name);
    if (column !== undefined) return column;
  }
  return undefined;
}

async function textOf(csv: File): Promise<string> {
  if (csv.size > MOST_BYTES)
    throw new UserError(`${csv.name}: ${csv.size} bytes, and a CSV of at most ${MOST_BYTES} is read: split it`);
  return decodeUtf8(new Uint8Array(await csv.arrayBuffer()), csv.name);
}

/** What a UserError of a reader's says about the columns that it wants. */
function missing(table: CsvTable, part: keyof typeof NAMES): UserError {
  return new UserError(
    `${table.file}:1: no column ${part} (also understood: ${NAMES[part].slice(1).join(', ')}; there are: ${excerpt(table.columns.join(', '), 200)})`,
  );
}

/**
 * The taxonomy of a CSV: Eedi's MisconceptionId and MisconceptionName, or an id and a name under other names; without
 * ids, rows are numbered from 1. Throws a UserError naming line and column.
 */
export async function readTaxonomyCsv(csv: File): Promise<Misconception[]> {
  const text = await textOf(csv);
  const table = parseCsv(text, csv.name);
  if (table.columns.includes('MisconceptionId')) {
    const { ids, names } = parseTaxonomy(text, csv.name);
    return ids.map((id, i) => ({ id, name: names[i] }));
  }
  const name = columnFor(table, 'name');
  if (name === undefined) throw missing(table, 'name');
  const id = columnFor(table, 'id');
  const lines = new Map<number, number>();
  const rows = table.rows.map((row, i) => {
    if (row.cells[name].trim() === '') throw cellError(table, row, name, 'blank, a name is expected');
    const number = id === undefined ? i + 1 : requiredInteger(table, row, id);
    const before = lines.get(number);
    if (before !== undefined) throw cellError(table, row, id!, `the id ${number} is already that of line ${before}`);
    lines.set(number, row.line);
    return { id: number, name: row.cells[name] };
  });
  if (rows.length === 0) throw new UserError(`${csv.name}: no misconceptions, only a header row`);
  return rows;
}

/**
 * The labelled wrong options of questions in Eedi's columns. Throws a UserError naming line and column, where a label is
 * no id of `rows` too.
 */
export async function readLabelledCsv(csv: File, rows: readonly Misconception[]): Promise<LabelledAnswer[]> {
  const taxonomy = { ids: rows.map(({ id }) => id), names: rows.map(({ name }) => name) };
  const questions = parseQuestions(await textOf(csv), csv.name, { labels: 'optional', taxonomy });
  const pairs = labelledPairs(questions, csv.name);
  if (pairs.length > MOST_LABELLED)
    throw new UserError(
      `${csv.name}: ${pairs.length} labelled options, and at most ${MOST_LABELLED} are used: split it`,
    );
  const byId = new Map(rows.map((row) => [row.id, row]));
  return pairs.map((pair) => ({ question: queryParts(pair) as Question, misconception: byId.get(pair.label)! }));
}

/**
 * The wrong answers of a class CSV, in its order; right and blank answers are left out. Eedi's questions give every
 * wrong option. Throws a UserError naming line and column.
 */
export async function readClass(csv: File): Promise<ClassEntry[]> {
  const text = await textOf(csv);
  const table = parseCsv(text, csv.name);
  if (table.columns.includes('AnswerAText')) return eediEntries(text, table);
  const [question, correct, incorrect] = (['question', 'correct', 'incorrect'] as const).map((part) => {
    const column = columnFor(table, part);
    if (column === undefined) throw missing(table, part);
    return column;
  });
  const [construct, subject, label] = (['construct', 'subject', 'label'] as const).map((p) => columnFor(table, p));
  const cell = (row: CsvRow, column: string | undefined) =>
    column !== undefined && row.cells[column].trim() !== '' ? row.cells[column] : undefined;
  const entries = table.rows.flatMap((row): ClassEntry[] => {
    const parts: Question = {
      question: row.cells[question],
      correct: row.cells[correct],
      incorrect: row.cells[incorrect],
      construct: cell(row, construct),
      subject: cell(row, subject),
    };
    if (parts.question.trim() === '') throw cellError(table, row, question, 'blank, a text is expected');
    const given = parts.incorrect.trim();
    if (given === '' || given === parts.correct.trim()) return [];
    return [{ line: row.line, question: parts, label: cell(row, label) ?? `line ${row.line}` }];
  });
  return someOf(entries, csv.name);
}

/** Columns that say which option a pupil chose. */
const CHOSEN = ['answer', 'chosen', 'chosenanswer', 'answervalue', 'response', 'pupilanswer', 'studentanswer'];

/** Questions in Eedi's columns: with a column of chosen letters a row each, else every wrong option. */
function eediEntries(text: string, table: CsvTable): ClassEntry[] {
  const chosen = table.columns.find((column) => CHOSEN.includes(plain(column)));
  if (chosen === undefined)
    return someOf(
      pivot(parseQuestions(text, table.file, { labels: 'optional' })).map((pair) => ({
        line: pair.question.line,
        question: queryParts(pair) as Question,
        label: `${pair.questionId} ${pair.answer}`,
      })),
      table.file,
    );
  const label = columnFor(table, 'label');
  const entries = table.rows.flatMap((row): ClassEntry[] => {
    const { cells, line } = row;
    const [right, given] = ['CorrectAnswer', chosen].map((column) => asLetter((cells[column] ?? '').trim()));
    if (!right)
      throw cellError(table, row, 'CorrectAnswer', `'${excerpt(cells.CorrectAnswer ?? '')}' is not A, B, C or D`);
    if (cells[chosen].trim() === '' || given === right) return [];
    if (!given) throw cellError(table, row, chosen, `'${excerpt(cells[chosen])}' is not A, B, C or D`);
    const question: Question = {
      question: cells.QuestionText ?? '',
      correct: cells[`Answer${right}Text`] ?? '',
      incorrect: cells[`Answer${given}Text`] ?? '',
      construct: cells.ConstructName || undefined,
      subject: cells.SubjectName || undefined,
    };
    if (question.question.trim() === '') throw cellError(table, row, 'QuestionText', 'blank, a text is expected');
    return [{ line, question, label: (label && cells[label].trim()) || `line ${line}` }];
  });
  return someOf(entries, table.file);
}

function someOf(entries: ClassEntry[], file: string): ClassEntry[] {
  if (entries.length === 0) throw new UserError(`${file}: no wrong answers: every row is blank or right`);
  return entries;
}
