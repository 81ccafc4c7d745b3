/**
 * TF-IDF and BM25: the rankers that a language model must beat. TF-IDF as in scikit-learn's TfidfVectorizer (smooth
 * idf, L2 norm), BM25 as in Okapi's formula with the negative idf of very common words floored, as rank_bm25 does.
 * No files and no GPU: it runs in the browser as it does here.
 */
import type { Ranking } from './ranker.ts';
import { documentFrequencies, InvertedIndex, type SparseVector, topScores, Vocabulary } from './sparse.ts';
import { type Analyzer, alphanumerics, characterNgrams, STOP_WORDS, wordBigrams, words } from './terms.ts';

/** A ranker of fixed passages: a score for each of them, and the best k. */
export interface TextRanker {
  /** Scores of one query against every passage, [passages]. */
  scores(query: string): Float64Array;
  /** The best k passages of every query; equal scores in the order of the passages. */
  rank(queries: readonly string[], k: number, onProgress?: (done: number, total: number) => void): Ranking[];
}

/** A way to cut texts into terms, and to count them. */
export interface Weighting {
  analyzer: Analyzer;
  /** 1 + ln(count) in place of the count. */
  sublinear: boolean;
}

/** The weightings by name; `char` ranks misconceptions best. */
export const ANALYZERS = {
  word: { analyzer: words, sublinear: false },
  'word-bigrams': { analyzer: wordBigrams(STOP_WORDS), sublinear: true },
  char: { analyzer: characterNgrams(3, 5), sublinear: true },
} as const satisfies Record<string, Weighting>;

export type AnalyzerName = keyof typeof ANALYZERS;

export interface TfidfOptions {
  analyzer?: AnalyzerName | Weighting;
  /** Further texts, such as the queries, that take part in counting how common a term is. */
  corpus?: readonly string[];
}

/** Ranks `passages` by the cosine of their TF-IDF vectors with a query's. */
export function fitTfidf(
  passages: readonly string[],
  { analyzer = 'char', corpus = [] }: TfidfOptions = {},
): TextRanker {
  const { analyzer: terms, sublinear } = typeof analyzer === 'string' ? ANALYZERS[analyzer] : analyzer;
  const vocabulary = new Vocabulary(terms);
  const counts = [...passages, ...corpus].map((text) => vocabulary.count(text, true));
  const idf = inverseFrequencies(counts, vocabulary.size);
  const weighted = counts.slice(0, passages.length).map((vector) => weigh(vector, idf, sublinear));
  const index = new InvertedIndex(weighted, vocabulary.size);
  return ranker((query) => index.dot(weigh(vocabulary.count(query, false), idf, sublinear)));
}

/** Smooth idf: ln((1 + N) / (1 + df)) + 1, as if one more text held every term. */
function inverseFrequencies(vectors: readonly SparseVector[], width: number): Float64Array {
  const n = vectors.length;
  return Float64Array.from(documentFrequencies(vectors, width), (df) => Math.log((1 + n) / (1 + df)) + 1);
}

/** Counts times idf, of length 1. */
function weigh({ places, values }: SparseVector, idf: Float64Array, sublinear: boolean): SparseVector {
  const weights = values.map((count, i) => (sublinear ? 1 + Math.log(count) : count) * idf[places[i]]);
  const norm = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0));
  return { places, values: norm > 0 ? weights.map((w) => w / norm) : weights };
}

export interface Bm25Options {
  /** How soon repetitions of a term stop counting. */
  k1?: number;
  /** How far long passages are held back, 0 to 1. */
  b?: number;
  /** Floor of a negative idf, as a share of the mean idf. */
  epsilon?: number;
}

/** Ranks `passages` by Okapi BM25; a term that a query repeats counts each time. */
export function fitBm25(
  passages: readonly string[],
  { k1 = 1.5, b = 0.75, epsilon = 0.25 }: Bm25Options = {},
): TextRanker {
  const vocabulary = new Vocabulary(alphanumerics);
  const counts = passages.map((text) => vocabulary.count(text, true));
  const raw = Float64Array.from(documentFrequencies(counts, vocabulary.size), (df) =>
    Math.log((passages.length - df + 0.5) / (df + 0.5)),
  );
  const floor = (epsilon * raw.reduce((sum, x) => sum + x, 0)) / Math.max(1, raw.length);
  const idf = raw.map((x) => (x < 0 ? floor : x));
  const lengths = counts.map(({ values }) => values.reduce((sum, count) => sum + count, 0));
  const mean = lengths.reduce((sum, n) => sum + n, 0) / Math.max(1, lengths.length);
  const weighted = counts.map(({ places, values }, row) => {
    const damping = k1 * (1 - b + (b * lengths[row]) / mean);
    return { places, values: values.map((count, i) => (idf[places[i]] * count * (k1 + 1)) / (count + damping)) };
  });
  const index = new InvertedIndex(weighted, vocabulary.size);
  return ranker((query) => index.dot(vocabulary.count(query, false)));
}

/** A TextRanker from its scores. */
export function ranker(scores: TextRanker['scores']): TextRanker {
  return {
    scores,
    rank: (queries, k, onProgress) =>
      queries.map((query, i) => {
        const ranking = topScores(scores(query), k);
        onProgress?.(i + 1, queries.length);
        return ranking;
      }),
  };
}
