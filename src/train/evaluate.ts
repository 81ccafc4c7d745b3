/** What the model in training ranks: held-out rows after every epoch, training rows where hard negatives are mined. */
import type { Gpu } from '../gpu/gpu.ts';
import { Embedder } from '../infer/embedder.ts';
import { evaluate, type Report } from '../metrics/retrieval.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import type { ModelWeights } from '../model/weights.ts';
import { Ranker } from '../retrieve/ranker.ts';
import type { TrainingData } from './events.ts';

/** Called with what is being embedded, and how many tokens of it are done. */
export type OnEmbed = (what: string, done: number, total: number) => void;

export interface RankWith {
  gpu: Gpu;
  model: ModelWeights;
  tokenizer: Tokenizer;
  batchTokens: number;
  onEmbed?: OnEmbed;
}

/** The best `k` passages of every query, best first. The model stays the caller's. */
async function rank(
  w: RankWith,
  queries: readonly Uint32Array[],
  passages: readonly Uint32Array[],
  k: number,
): Promise<number[][]> {
  const maxLength = [...queries, ...passages].reduce((n, ids) => Math.max(n, ids.length), 1);
  const batchTokens = Math.max(w.batchTokens, maxLength);
  const embedder = await Embedder.create(w.gpu, w.model, w.tokenizer, { maxLength, batchTokens });
  try {
    const embed = (what: string, tokens: readonly Uint32Array[]) =>
      embedder.embedTokens(tokens, (done, total) => w.onEmbed?.(what, done, total));
    const vectors = await embed('taxonomy', passages);
    const ranker = await Ranker.create(w.gpu, vectors, embedder.dimensions, k);
    const rankings = await ranker.rank(await embed('questions', queries));
    ranker.free();
    return rankings.map(({ indices }) => [...indices]);
  } finally {
    embedder.free({ keepModel: true });
  }
}

/** Ranks the held-out rows: the best 25 passages of each, and their scores. */
export async function validate(
  w: RankWith,
  validation: NonNullable<TrainingData['validation']>,
): Promise<{ rankings: number[][]; report: Report }> {
  const { queries, passages, labels, seen } = validation;
  const rankings = await rank(w, queries, passages, 25);
  return { rankings, report: evaluate(rankings.map((pred, i) => ({ pred, label: labels[i], seen: seen[i] }))) };
}

/** The `count` passages of `pool` that the model ranks highest for each training row, its own left out. */
export async function mine(
  w: RankWith,
  { queries, labels, passages }: TrainingData,
  pool: readonly number[],
  count: number,
): Promise<number[][]> {
  const chosen = pool.map((row) => passages[row]);
  const rankings = await rank(w, queries, chosen, count + 1);
  return rankings.map((ranking, i) =>
    ranking
      .map((at) => pool[at])
      .filter((row) => row !== labels[i])
      .slice(0, count),
  );
}
