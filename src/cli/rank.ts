/** `lacuna rank`: the misconceptions of a taxonomy, ordered by how likely each explains a wrong answer. */
import { join } from 'node:path';
import type { Command } from 'commander';
import {
  type EediData,
  type Letter,
  loadEedi,
  type Pair,
  pivot,
  type Question,
  readQuestions,
  readTaxonomy,
  type Taxonomy,
} from '../data/eedi.ts';
import { EXAMPLES_WEIGHT } from '../data/labelled.ts';
import { writePredictions } from '../data/predictions.ts';
import { queryParts, queryText } from '../data/prompt.ts';
import { UserError } from '../errors.ts';
import { modelCacheDir } from '../formats/hub.ts';
import { shippedModel } from '../formats/shipped.ts';
import type { Embedder } from '../infer/embedder.ts';
import { fingerprint, VectorCache } from '../infer/vector_cache.ts';
import { modelFiles } from '../model/open.ts';
import { Ranker } from '../retrieve/ranker.ts';
import { type ExampleTexts, examplesOfData, examplesOfFile } from './examples.ts';
import {
  dryRun,
  embedWithProgress,
  fraction,
  locateModel,
  type ModelOptions,
  modelOptions,
  natural,
  positive,
  printEstimate,
  readyEmbedder,
} from './options.ts';
import { sampleTaxonomy } from './sample_folder.ts';

export interface RankOptions extends ModelOptions {
  taxonomy?: string;
  question?: string;
  correct?: string;
  incorrect?: string;
  construct?: string;
  subject?: string;
  rationale?: string;
  input?: string;
  data?: string;
  fold?: number;
  withoutRationales?: boolean;
  examples?: string | true;
  examplesWeight?: number;
  top: number;
  out?: string;
  cache: boolean;
}

/** One wrong answer to explain. */
interface Query {
  text: string;
  questionId?: number;
  answer?: Letter;
  label?: number;
  question?: Question;
}

export function rankCommand(program: Command): void {
  modelOptions(
    program
      .command('rank')
      .description('Rank the misconceptions of a taxonomy for one wrong answer, or for a file of questions.'),
  )
    .option(
      '--taxonomy <file>',
      'CSV with MisconceptionId, MisconceptionName (with pocket: data/sample’s, unless given)',
    )
    .option('--question <text>', 'the question')
    .option('--correct <text>', 'its correct answer')
    .option('--incorrect <text>', 'the wrong answer to explain')
    .option('--construct <text>', 'what the question tests')
    .option('--subject <text>', 'its subject')
    .option('--rationale <text>', 'somebody’s guess at the error')
    .option(
      '--input <file>',
      'instead of one question: a CSV in Eedi’s columns; labelled wrong options, or all where none is labelled',
    )
    .option(
      '--data <dir>',
      'instead of --taxonomy and --input: a folder in Eedi’s layout, with its rationales.csv if there is one',
    )
    .option('--fold <k>', 'with --data: only the questions of this fold', natural)
    .option('--without-rationales', 'with --data: leave rationales.csv out')
    .option(
      '--examples [file]',
      'rank by labelled questions too: a name scores as the mean of its own cosine and that of the closest question that bears it. A CSV in Eedi’s columns; with --data the folder’s own, of all folds but --fold. A question’s own labels are never looked at',
    )
    .option('--examples-weight <w>', `their share of that mean, from 0 to 1 (default: ${EXAMPLES_WEIGHT})`, fraction)
    .option('--top <n>', 'how many to list', positive, 25)
    .option('--out <file>', 'write predictions: .parquet, .csv or .json')
    .option('--no-cache', 'embed the taxonomy anew instead of keeping its vectors')
    .addHelpText(
      'after',
      `
Examples:
  lacuna rank --model pocket --question 'Work out 1/2 + 1/3' --correct '5/6' --incorrect '2/5' --top 3
  lacuna rank --model smollm2-135m --taxonomy data/sample/misconception_mapping.csv --top 5 \\
    --question 'What is 1/2 + 1/3?' --correct '5/6' --incorrect '2/5'
  lacuna rank --model smollm2-135m --taxonomy data/sample/misconception_mapping.csv \\
    --input data/sample/train.csv --out preds.parquet
  lacuna rank --model runs/f0/model --data eedi --fold 0 --examples --out preds.parquet`,
    )
    .action(async (o: RankOptions) => {
      const { taxonomy, queries, examples } = await readJob(o);
      const weight = o.examplesWeight ?? EXAMPLES_WEIGHT;
      const path = await locateModel(o.model);
      const known = [...taxonomy.names, ...(examples?.texts ?? [])];
      if (o.dryRun) return printEstimate(await dryRun(path, [...known, ...queries.map((q) => q.text)], o), o.json);
      const embedder = await readyEmbedder(path, o);
      const { gpu, dimensions } = embedder;
      const kept = await embedPassages(embedder, known, path, o, examples && 'taxonomy and examples');
      const passages = kept.subarray(0, taxonomy.names.length * dimensions);
      const vectors = await embedWithProgress(
        embedder,
        queries.map((q) => q.text),
        'questions',
      );
      const labelled = examples && {
        ...examples,
        vectors: kept.subarray(passages.length),
        weight,
      };
      const ranker = await Ranker.create(gpu, passages, dimensions, o.top, labelled);
      const origins = queries.map(({ question }) => question && examples?.originOf(question));
      const rankings = await ranker.rank(vectors, origins);
      if (o.out) {
        const rows = queries.map((q, i) => ({
          questionId: q.questionId ?? 0,
          answer: q.answer ?? 'A',
          label: q.label,
          pred: [...rankings[i].indices].map((index) => taxonomy.ids[index]),
        }));
        await writePredictions(o.out, rows);
      }
      const results = queries.map((q, i) => ({
        ...(q.questionId === undefined ? {} : { questionId: q.questionId, answer: q.answer }),
        ranking: [...rankings[i].indices].map((index, rank) => ({
          id: taxonomy.ids[index],
          name: taxonomy.names[index],
          score: rankings[i].scores[rank],
        })),
      }));
      if (o.json) {
        const { tier } = gpu.caps;
        const used = examples && { examples: { count: examples.texts.length, weight } };
        process.stdout.write(
          `${JSON.stringify({ model: o.model, tier, adapter: o.adapter ?? null, ...used, results })}\n`,
        );
      } else if (o.out) {
        process.stdout.write(`${o.out}: ${results.length} rankings of ${taxonomy.ids.length} misconceptions\n`);
      } else {
        for (const result of results) process.stdout.write(formatRanking(result));
      }
    });
}

export interface RankedRow {
  questionId?: number;
  answer?: string;
  ranking: { id: number; name: string; score: number }[];
}

/** A ranking as lines: place, score, id, name. */
export function formatRanking({ questionId, answer, ranking }: RankedRow): string {
  const head = questionId === undefined ? [] : [`question ${questionId}, answer ${answer}`];
  const lines = ranking.map(
    ({ id, name, score }, i) =>
      `${`${i + 1}`.padStart(3)}  ${score.toFixed(3).padStart(6)}  ${`${id}`.padStart(5)}  ${name}`,
  );
  return `${[...head, ...lines].join('\n')}\n`;
}

interface Job {
  taxonomy: Taxonomy;
  queries: Query[];
  examples?: ExampleTexts;
}

async function readJob(o: RankOptions): Promise<Job> {
  const { question, correct, incorrect, input } = o;
  const single = question !== undefined || correct !== undefined || incorrect !== undefined;
  if (Number(single) + Number(input !== undefined) + Number(o.data !== undefined) !== 1)
    throw new UserError(
      'give one of: --question with --correct and --incorrect; --input with a file of questions; --data with a folder',
    );
  const misplaced = [
    [o.data === undefined && o.fold !== undefined, '--fold belongs to --data'],
    [o.data === undefined && o.withoutRationales, '--without-rationales belongs to --data'],
    [o.data !== undefined && o.taxonomy !== undefined, '--taxonomy: --data brings its own'],
    [!single && o.construct !== undefined, '--construct belongs to --question'],
    [!single && o.subject !== undefined, '--subject belongs to --question'],
    [!single && o.rationale !== undefined, '--rationale belongs to --question'],
    [o.examples === undefined && o.examplesWeight !== undefined, '--examples-weight belongs to --examples'],
  ].find(([wrong]) => wrong);
  if (misplaced) throw new UserError(`${misplaced[1]}: leave it out`);
  if (o.data !== undefined) {
    const data = await loadEedi(o.data);
    const { taxonomy, pairs, folds } = data;
    if (o.fold !== undefined && !folds.includes(o.fold))
      throw new UserError(`--fold ${o.fold}: ${o.data} has folds ${folds.join(', ')}`);
    const chosen = pairs.filter((p) => o.fold === undefined || p.fold === o.fold);
    const examples = await readExamples(o, taxonomy, data);
    return { taxonomy, queries: chosen.map((p) => toQuery(p, !o.withoutRationales)), examples };
  }
  // The model that comes along knows the taxonomy that comes along, and no other.
  const taxonomyFile = o.taxonomy ?? (shippedModel(o.model) ? sampleTaxonomy() : undefined);
  if (taxonomyFile === undefined)
    throw new UserError(
      `--taxonomy is missing: a CSV with MisconceptionId and MisconceptionName, such as ${sampleTaxonomy()}`,
    );
  const taxonomy = await readTaxonomy(taxonomyFile);
  const examples = await readExamples(o, taxonomy);
  if (input !== undefined) {
    const pairs = pivot(await readQuestions(input));
    if (!pairs.length) throw new UserError(`${input}: has no wrong option to rank`);
    return { taxonomy, queries: pairs.map((p) => toQuery(p, true)), examples };
  }
  if (question === undefined || correct === undefined || incorrect === undefined)
    throw new UserError('--question, --correct and --incorrect belong together: one of them is missing');
  for (const [name, text] of Object.entries({ question, correct, incorrect }))
    if (text.trim() === '') throw new UserError(`--${name} is empty`);
  if (correct.trim() === incorrect.trim())
    throw new UserError('--incorrect is the correct answer itself: there is no error to explain');
  const { construct, subject, rationale } = o;
  const text = queryText({ question, correct, incorrect, construct, subject, rationale });
  return { taxonomy, queries: [{ text }], examples };
}

/** What --examples names: a file, or the folder of --data itself. */
async function readExamples(o: RankOptions, taxonomy: Taxonomy, data?: EediData): Promise<ExampleTexts | undefined> {
  if (o.examples === undefined) return undefined;
  if (o.examples !== true) return examplesOfFile(o.examples, taxonomy);
  if (!data) throw new UserError('--examples needs a CSV of labelled questions, or --data with a folder of them');
  return examplesOfData(data, o.fold, !o.withoutRationales);
}

const toQuery = (pair: Pair, rationale: boolean): Query => ({
  questionId: pair.questionId,
  answer: pair.answer,
  label: pair.label,
  question: pair.question,
  text: queryText(queryParts(pair, { rationale })),
});

/** Vectors of names and examples: from the cache as far as they are there, unless --no-cache. */
export async function embedPassages(
  embedder: Embedder,
  texts: readonly string[],
  path: string,
  o: ModelOptions & { cache: boolean },
  label = 'taxonomy',
): Promise<Float32Array> {
  if (!o.cache) return embedWithProgress(embedder, texts, label);
  const { maxLength, pooling, gpu, dimensions } = embedder;
  // Undefined they leave no trace in the key, so that vectors from before there was a --tuned or --activations count.
  const { quantize, tuned, activations } = o;
  const settings = { maxLength, pooling, quantize, activation: gpu.activation, tuned, activations };
  const key = await fingerprint(await modelFiles(path, o.adapter), settings);
  const cache = await VectorCache.open(join(modelCacheDir(), '..', 'vectors'), key, dimensions);
  return cache.vectors(texts, (missing) => embedWithProgress(embedder, missing, label));
}
