/**
 * exp010_infer_gen: a trained exp010 ranks the synthetic questions, so that the reranker's training has candidates for
 * them too. Nothing is trained; it stands among the trainings because the published solution has it there, as the step
 * between exp010 and exp015.
 */
import { formatCsv, parseCsv } from '../data/csv.ts';
import { readText } from '../data/files.ts';
import type { PredictionRow } from '../data/predictions.ts';
import { queryParts, queryText } from '../data/prompt.ts';
import { type Pair, parseQuestions, pivot } from '../data/questions.ts';
import type { Taxonomy } from '../data/taxonomy.ts';
import { UserError } from '../errors.ts';

export const inferGen = {
  name: 'exp010_infer_gen',
  about: 'a trained exp010 ranks synthetic questions: candidates for the reranker, nothing is trained',
  /** Candidates a question: twice the 25 that are scored, since the reranker's training draws its negatives from them. */
  candidates: 50,
  /** The first row's QuestionId; real ones are below it, so the two kinds never meet. */
  firstId: 100_000,
  /** Tokens of a text: exp010's when it ranks. */
  maxLength: 288,
} as const;

/** Synthetic questions to be ranked, and the misconceptions that they are ranked among. */
export interface SyntheticJob {
  pairs: Pair[];
  queries: string[];
  /** Of the taxonomy, those that some synthetic question is labelled with: the others have no example to be learnt from. */
  pool: Taxonomy;
}

/**
 * Reads a CSV of synthetic questions in Eedi's columns. Row i gets QuestionId 100000 + i, whether or not the file has
 * ids of its own. UserError, with file and line, for what parseQuestions refuses, and where nothing is labelled.
 */
export async function readSynthetic(file: string, taxonomy: Taxonomy): Promise<SyntheticJob> {
  const questions = parseQuestions(numbered(await readText(file), file), file, { labels: 'required', taxonomy });
  const pairs = pivot(questions).filter(({ label }) => label !== undefined);
  if (pairs.length === 0) throw new UserError(`${file}: no wrong option has a label`);
  const wanted = new Set(pairs.map(({ label }) => label));
  const rows = [...taxonomy.ids.keys()].filter((row) => wanted.has(taxonomy.ids[row]));
  return {
    pairs,
    queries: pairs.map((pair) => queryText(queryParts(pair))),
    pool: { ids: rows.map((row) => taxonomy.ids[row]), names: rows.map((row) => taxonomy.names[row]) },
  };
}

/** The text with its questions numbered, each on the line where it was, so that errors name the user's lines. */
function numbered(text: string, file: string): string {
  const { columns, rows } = parseCsv(text, file);
  const others = columns.filter((column) => column !== 'QuestionId');
  let out = formatCsv(['QuestionId', ...others], []);
  for (const [i, { cells, line }] of rows.entries()) {
    out += '\n'.repeat(Math.max(0, line - lines(out) - 1));
    out += formatCsv([inferGen.firstId + i, ...others.map((column) => cells[column])].map(String), []);
  }
  return out;
}

const lines = (text: string): number => text.match(/\r\n|\n|\r/g)?.length ?? 0;

/** Rankings of a job's pairs, each of rows of the pool, as the published table has them. */
export function predictionsOf({ pairs, pool }: SyntheticJob, rankings: readonly ArrayLike<number>[]): PredictionRow[] {
  return pairs.map(({ questionId, answer, label }, i) => ({
    questionId,
    answer,
    label,
    pred: Array.from(rankings[i], (row) => pool.ids[row]),
  }));
}
