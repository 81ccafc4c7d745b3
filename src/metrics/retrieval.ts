/**
 * Scores of rankings with one relevant id per row: MAP@k, which is then the mean of 1/rank (0 beyond rank k), and
 * recall@k, over all rows and apart for seen and unseen misconceptions, with bootstrap intervals.
 */
import { uniform } from '../data/random.ts';

export interface ScoredRow {
  /** The relevant id. */
  label: number;
  /** Ranked ids, best first. */
  pred: readonly number[];
  /** Whether a model trained for this row could have seen the label; see also `seenIds`. */
  seen?: boolean;
}

export interface EvaluateOptions<K extends number> {
  k?: K;
  /** Ids that are positives in training, for rows that do not say `seen` themselves. */
  seenIds?: ReadonlySet<number>;
  /** Bootstrap samples, and the seed they are drawn with. */
  samples?: number;
  seed?: number;
}

/** The middle 95 % of the scores of resampled rows. */
export type Interval = [low: number, high: number];

/** Scores of some rows; null where there are none. */
export type Scores<K extends number = 25> = { [M in `map@${K}` | `recall@${K}`]: number | null } & {
  rows: number;
  intervals: { [M in `map@${K}` | `recall@${K}`]: Interval | null };
};

export type Report<K extends number = 25> = Scores<K> & { seen: Scores<K>; unseen: Scores<K> };

/** 1/rank of `label` within the first k of `pred`, or 0. */
export function reciprocalRank(pred: readonly number[], label: number, k: number): number {
  const at = pred.indexOf(label);
  return at >= 0 && at < k ? 1 / (at + 1) : 0;
}

/** Scores all rows, the seen and the unseen. Rows of which neither is known count as unseen. */
export function evaluate<K extends number = 25>(
  rows: readonly ScoredRow[],
  options: EvaluateOptions<K> = {},
): Report<K> {
  const { k = 25, seenIds, samples = 2000, seed = 1 } = options;
  const ranks = rows.map(({ pred, label }) => reciprocalRank(pred, label, k));
  const seen = rows.map((row) => row.seen ?? seenIds?.has(row.label) ?? false);
  const part = (values: number[]) => score(values, k, samples, seed) as Scores<K>;
  return {
    ...part(ranks),
    seen: part(ranks.filter((_, i) => seen[i])),
    unseen: part(ranks.filter((_, i) => !seen[i])),
  };
}

function score(ranks: readonly number[], k: number, samples: number, seed: number): Scores<number> {
  const n = ranks.length;
  const hits = ranks.map((rank) => (rank > 0 ? 1 : 0));
  const intervals = bootstrap([ranks, hits], samples, seed);
  return {
    [`map@${k}`]: n > 0 ? sum(ranks) / n : null,
    [`recall@${k}`]: n > 0 ? sum(hits) / n : null,
    rows: n,
    intervals: { [`map@${k}`]: intervals?.[0] ?? null, [`recall@${k}`]: intervals?.[1] ?? null },
  } as Scores<number>;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Percentile intervals of the means of `columns` over rows drawn with replacement, the same rows for all columns. */
function bootstrap(columns: readonly (readonly number[])[], samples: number, seed: number): Interval[] | undefined {
  const n = columns[0].length;
  if (n === 0 || samples === 0) return undefined;
  const random = uniform(seed);
  const drawn = new Uint32Array(n);
  const means = columns.map(() => new Float64Array(samples));
  for (let s = 0; s < samples; s++) {
    for (let i = 0; i < n; i++) drawn[i] = Math.floor(random() * n);
    columns.forEach((column, c) => {
      let total = 0;
      for (let i = 0; i < n; i++) total += column[drawn[i]];
      means[c][s] = total / n;
    });
  }
  return means.map((values) => {
    values.sort();
    return [values[Math.floor(0.025 * (samples - 1))], values[Math.ceil(0.975 * (samples - 1))]];
  });
}
