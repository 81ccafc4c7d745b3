/**
 * Nearest labelled question: a misconception scores as the labelled wrong option most like the query (by TF-IDF of
 * words and word pairs) that bears it. Strong where the misconception was seen, nothing where it was not.
 */

import { wordBigrams } from './terms.ts';
import { type AnalyzerName, fitTfidf } from './tfidf.ts';

/** A labelled wrong option. */
export interface Example {
  text: string;
  /** Its misconception, as a row of the taxonomy. */
  row: number;
  /** Examples of a query's own fold are not looked at. */
  fold?: number;
}

export interface NearestOptions {
  analyzer?: AnalyzerName;
}

export interface Nearest {
  /** Scores [rows]: for each misconception the cosine of its most similar example outside `fold`, 0 without one. */
  scores(query: string, fold?: number): Float64Array;
}

/**
 * `rows`: size of the taxonomy. Terms are weighed by how common they are among all examples, those of the query's fold
 * included: their texts, never their labels.
 */
export function fitNearest(examples: readonly Example[], rows: number, { analyzer }: NearestOptions = {}): Nearest {
  // Stop words stay in by default: whole phrases of the same question family are what is looked for.
  const similar = fitTfidf(
    examples.map(({ text }) => text),
    { analyzer: analyzer ?? { analyzer: wordBigrams(), sublinear: true } },
  );
  return {
    scores(query, fold) {
      const out = new Float64Array(rows);
      const cosines = similar.scores(query);
      examples.forEach((example, i) => {
        if (fold !== undefined && example.fold === fold) return;
        if (cosines[i] > out[example.row]) out[example.row] = cosines[i];
      });
      return out;
    },
  };
}
