/** The cheap rankers over a whole data set, out of fold, as prediction rows of the same kind that a model writes. */
import type { EediData } from '../data/eedi.ts';
import type { PredictionRow } from '../data/prediction_table.ts';
import { plainText, queryParts } from '../data/prompt.ts';
import type { Pair } from '../data/questions.ts';
import { fitNearest } from './nearest.ts';
import { topScores } from './sparse.ts';
import { type AnalyzerName, fitBm25, fitTfidf } from './tfidf.ts';

export const BASELINES = ['tfidf', 'bm25', 'nearest', 'combined'] as const;
export type Baseline = (typeof BASELINES)[number];

/** Weight of the nearest question in `combined`, beside a TF-IDF cosine of weight 1. */
const NEAREST_WEIGHT = 0.5;

export interface BaselineOptions {
  method: Baseline;
  /** For tfidf and combined, `char` if not given; for nearest, words and word pairs if not given. */
  analyzer?: AnalyzerName;
  /** Ranks the pairs of one fold only. Scores do not depend on it: `nearest` never looks into a pair's own fold. */
  fold?: number;
  /** Misconceptions listed for each pair. */
  k?: number;
  onProgress?: (done: number, total: number) => void;
}

/** Ranks all misconceptions for every labelled pair. How common a term is, is counted over names and queries. */
export function rankBaseline(data: Pick<EediData, 'pairs' | 'taxonomy'>, options: BaselineOptions): PredictionRow[] {
  const { fold, k = 25, onProgress } = options;
  const { ids } = data.taxonomy;
  const scores = scorer(data, options);
  const pairs = data.pairs.filter((pair) => fold === undefined || pair.fold === fold);
  return pairs.map((pair, i) => {
    const { indices } = topScores(scores(pair), k);
    onProgress?.(i + 1, pairs.length);
    const { questionId, answer, label } = pair;
    return { questionId, answer, label, pred: Array.from(indices, (row) => ids[row]) };
  });
}

function scorer(
  { pairs, taxonomy: { ids, names } }: Pick<EediData, 'pairs' | 'taxonomy'>,
  { method, analyzer }: BaselineOptions,
): (pair: Pair) => Float64Array {
  const textOf = (pair: Pair) => plainText(queryParts(pair));
  const byText = () => {
    const texts =
      method === 'bm25' ? fitBm25(names) : fitTfidf(names, { analyzer, corpus: pairs.map((pair) => textOf(pair)) });
    return (pair: Pair) => texts.scores(textOf(pair));
  };
  const byExample = (analyzer?: AnalyzerName) => {
    const rowOf = new Map(ids.map((id, row) => [id, row]));
    const labelled = pairs.filter(({ label }) => label !== undefined);
    const examples = labelled.map((pair) => ({ text: textOf(pair), row: rowOf.get(pair.label!)!, fold: pair.fold }));
    const nearest = fitNearest(examples, names.length, { analyzer });
    return (pair: Pair) => nearest.scores(textOf(pair), pair.fold);
  };
  if (method === 'tfidf' || method === 'bm25') return byText();
  if (method === 'nearest') return byExample(analyzer);
  const text = byText();
  const example = byExample();
  return (pair) => {
    const near = example(pair);
    return text(pair).map((score, row) => score + NEAREST_WEIGHT * near[row]);
  };
}
