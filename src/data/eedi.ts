/**
 * Data in the columns of the Kaggle competition "Eedi: Mining Misconceptions in Mathematics", from a folder of the
 * user's: train.csv and misconception_mapping.csv, with folds.csv and rationales.csv where there are any. The files
 * are not ours to ship; any data in these columns is accepted, and `identify` says whether it is the published one.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { readBytes, readText } from './files.ts';
import { makeFolds, parseFolds } from './folds.ts';
import { type Pair, pairKey, parseQuestions, pivot, type Question } from './questions.ts';
import { parseRationales } from './rationales.ts';
import { parseTaxonomy, type Taxonomy } from './taxonomy.ts';

export { type Letter, type Pair, pivot, type Question } from './questions.ts';
export type { Taxonomy } from './taxonomy.ts';

const QUESTIONS = 'train.csv';
const TAXONOMY = 'misconception_mapping.csv';
const FOLDS = 'folds.csv';
const RATIONALES = 'rationales.csv';

const SOURCE =
  'Eedi is the Kaggle competition eedi-mining-misconceptions-in-mathematics (https://www.kaggle.com/c/eedi-mining-misconceptions-in-mathematics/data): accept its rules, put train.csv and misconception_mapping.csv in one folder and name it with --data';

/** SHA-256 of the competition's files, and of the folds and rationales that the published figures here were computed with. */
const PUBLISHED: Record<string, string> = {
  [QUESTIONS]: '31fbea4fdb250fc67a8254aba0764100e89db71a43ea74d2f123ef1c95545187',
  [TAXONOMY]: '2b2fd9c031084b11fe486435c823452e5ef1a8edc1fa47ab7fa676ffe141a507',
  [FOLDS]: 'bd0dbef3201ab0c16027c4287bb2cdc590e6c11ea2f2914994409d0b96b2fe2c',
  [RATIONALES]: '063698eb158429466656e67068106a04522ac266cdfc30fa423578fd5e7fb9a2',
};

export interface EediData {
  dir: string;
  questions: Question[];
  /** Every labelled wrong option, in the published order, with its fold and, where there is one, its rationale. */
  pairs: Pair[];
  taxonomy: Taxonomy;
  /** The fold numbers that occur, ascending. */
  folds: number[];
}

/**
 * Reads and checks a folder of Eedi's files. Without folds.csv the questions are dealt to five folds (makeFolds).
 * Throws a UserError that names file, line and column, or says where the data comes from.
 */
export async function loadEedi(dir: string): Promise<EediData> {
  requireFiles(dir);
  const taxonomy = await readTaxonomy(join(dir, TAXONOMY));
  const path = join(dir, QUESTIONS);
  const questions = parseQuestions(await readText(path), path, { labels: 'required', taxonomy });
  const foldOf = await readFolds(dir, questions);
  const rationaleOf = await readRationales(dir);
  const pairs = pivot(questions)
    .filter(({ label }) => label !== undefined)
    .map((pair) => ({ ...pair, fold: foldOf.get(pair.questionId), rationale: rationaleOf.get(pairKey(pair)) }));
  if (pairs.length === 0) throw new UserError(`${path}: no wrong option has a label`);
  const folds = [...new Set(foldOf.values())].sort((a, b) => a - b);
  return { dir, questions, pairs, taxonomy, folds };
}

function requireFiles(dir: string): void {
  if (!existsSync(dir)) throw new UserError(`${dir}: no such folder. ${SOURCE}`);
  const missing = [QUESTIONS, TAXONOMY].filter((name) => !existsSync(join(dir, name)));
  if (missing.length > 0) throw new UserError(`${dir}: ${missing.join(' and ')} missing. ${SOURCE}`);
}

async function readFolds(dir: string, questions: readonly Question[]): Promise<Map<number, number>> {
  const path = join(dir, FOLDS);
  if (!existsSync(path)) return makeFolds(questions.map(({ questionId }) => questionId));
  const folds = parseFolds(await readText(path), path);
  const without = questions.find(({ questionId }) => !folds.has(questionId));
  if (without)
    throw new UserError(`${path}: no fold for question ${without.questionId} (${QUESTIONS}:${without.line})`);
  return new Map(questions.map(({ questionId }) => [questionId, folds.get(questionId)!]));
}

async function readRationales(dir: string): Promise<Map<string, string>> {
  const path = join(dir, RATIONALES);
  return existsSync(path) ? parseRationales(await readText(path), path) : new Map();
}

/** The questions of a CSV file, labelled or not, to be ranked. */
export async function readQuestions(path: string, taxonomy?: Taxonomy): Promise<Question[]> {
  return parseQuestions(await readText(path), path, { labels: 'optional', taxonomy });
}

/** The misconceptions of a CSV file. */
export async function readTaxonomy(path: string): Promise<Taxonomy> {
  return parseTaxonomy(await readText(path), path);
}

export interface Identity {
  /** Whether train.csv and misconception_mapping.csv are byte for byte the competition's. */
  published: boolean;
  /** In words: "the published Eedi files" or "other data in Eedi's columns". */
  description: string;
  /** The files there are; `published` as far as a sum is known for the name. */
  files: { name: string; sha256: string; published: boolean }[];
}

/** What a data folder holds, by SHA-256: information for a report, no condition for using it. */
export async function identify(dir: string): Promise<Identity> {
  requireFiles(dir);
  const names = Object.keys(PUBLISHED).filter((name) => existsSync(join(dir, name)));
  const files = await Promise.all(
    names.map(async (name) => {
      const sha256 = createHash('sha256')
        .update(await readBytes(join(dir, name)))
        .digest('hex');
      return { name, sha256, published: sha256 === PUBLISHED[name] };
    }),
  );
  const published = files.every((file) => file.published || (file.name !== QUESTIONS && file.name !== TAXONOMY));
  return { published, description: published ? 'the published Eedi files' : "other data in Eedi's columns", files };
}
