/** `lacuna train exp010_infer_gen`: a trained retriever ranks synthetic questions, candidates for the reranker. */
import { join } from 'node:path';
import process from 'node:process';
import { readTaxonomy } from '../data/eedi.ts';
import { checkPredictionPath, writePredictions } from '../data/predictions.ts';
import { UserError } from '../errors.ts';
import { inferGen, predictionsOf, readSynthetic } from '../exp/exp010_infer_gen.ts';
import { Ranker } from '../retrieve/ranker.ts';
import { embedWithProgress, locateModel, readyEmbedder } from './options.ts';
import type { TrainOptions } from './train.ts';

/** Options of `train` that say nothing here. */
const STRAY = ['fold', 'set', 'train', 'resume', 'dryRun', 'maxSteps', 'chunkTokens', 'keepMemory', 'memory'] as const;

export async function rankSynthetic(o: TrainOptions): Promise<void> {
  const { model, data, input, out, tier, adapter } = o;
  if (!model || !data || !input || !out)
    throw new UserError(
      `${inferGen.name}: --model, --data (for its misconception_mapping.csv), --input (the synthetic questions) and --out (a .parquet, .csv or .json file) are needed`,
    );
  const stray = STRAY.find((name) => o[name] !== undefined);
  if (stray) throw new UserError(`${inferGen.name}: trains nothing, so --${stray} says nothing`);
  checkPredictionPath(out);
  const job = await readSynthetic(input, await readTaxonomy(join(data, 'misconception_mapping.csv')));
  const path = await locateModel(model);
  const { maxLength } = inferGen;
  const embedder = await readyEmbedder(path, { model, adapter, tier, maxLength, pooling: 'last' });
  const passages = await embedWithProgress(embedder, job.pool.names, 'taxonomy');
  const queries = await embedWithProgress(embedder, job.queries, 'questions');
  const ranker = await Ranker.create(embedder.gpu, passages, embedder.dimensions, inferGen.candidates);
  const rankings = await ranker.rank(queries);
  await writePredictions(
    out,
    predictionsOf(
      job,
      rankings.map(({ indices }) => indices),
    ),
  );
  const facts = { out, rows: job.pairs.length, pool: job.pool.ids.length, candidates: inferGen.candidates };
  process.stdout.write(
    o.json
      ? `${JSON.stringify(facts)}\n`
      : `${out}: ${facts.rows} rankings of the ${facts.pool} misconceptions that occur there, up to ${inferGen.candidates} each\n`,
  );
}
