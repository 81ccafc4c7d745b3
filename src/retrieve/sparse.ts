/** Sparse vectors and an inverted index over them: the arithmetic of rankers that count words. */
import type { Ranking } from './ranker.ts';
import type { Analyzer } from './terms.ts';

/** A vector as its non-zero places, each once and in no particular order, and their values. */
export interface SparseVector {
  places: Uint32Array;
  values: Float64Array;
}

/** Counts terms, numbering them in the order in which they first occur. */
export class Vocabulary {
  readonly #analyzer: Analyzer;
  readonly #placeOf = new Map<string, number>();
  /** The places of a unit's terms, for units met while the vocabulary grew. */
  readonly #placesOf = new Map<string, Uint32Array>();
  /** Counts of the text in hand, by place; zero between texts. */
  #counts = new Float64Array(1024);

  constructor(analyzer: Analyzer) {
    this.#analyzer = analyzer;
  }

  get size(): number {
    return this.#placeOf.size;
  }

  /** How often each term occurs in `text`. `grow` gives new terms a place; otherwise they are dropped. */
  count(text: string, grow: boolean): SparseVector {
    const touched: number[] = [];
    for (const unit of this.#analyzer.units(text)) {
      for (const place of this.#places(unit, grow)) {
        if (this.#counts[place]++ === 0) touched.push(place);
      }
    }
    const places = Uint32Array.from(touched);
    const values = new Float64Array(places.length);
    places.forEach((place, i) => {
      values[i] = this.#counts[place];
      this.#counts[place] = 0;
    });
    return { places, values };
  }

  #places(unit: string, grow: boolean): Uint32Array {
    const known = this.#placesOf.get(unit);
    if (known) return known;
    const places: number[] = [];
    for (const term of this.#analyzer.expand?.(unit) ?? [unit]) {
      let place = this.#placeOf.get(term);
      if (place === undefined) {
        if (!grow) continue;
        place = this.#placeOf.size;
        this.#placeOf.set(term, place);
      }
      places.push(place);
    }
    const result = Uint32Array.from(places);
    if (grow) this.#placesOf.set(unit, result);
    if (this.size > this.#counts.length) {
      const counts = new Float64Array(2 * this.size);
      counts.set(this.#counts);
      this.#counts = counts;
    }
    return result;
  }
}

/** In how many of the vectors each of `width` places is non-zero. */
export function documentFrequencies(vectors: readonly SparseVector[], width: number): Uint32Array {
  const frequencies = new Uint32Array(width);
  for (const { places } of vectors) for (const place of places) frequencies[place]++;
  return frequencies;
}

/** The vectors of `rows` by place, so that a query touches only the rows it shares a term with. */
export class InvertedIndex {
  readonly rows: number;
  readonly #starts: Uint32Array;
  readonly #rowOf: Uint32Array;
  readonly #values: Float64Array;

  constructor(vectors: readonly SparseVector[], width: number) {
    this.rows = vectors.length;
    const frequencies = documentFrequencies(vectors, width);
    this.#starts = new Uint32Array(width + 1);
    for (let place = 0; place < width; place++) this.#starts[place + 1] = this.#starts[place] + frequencies[place];
    this.#rowOf = new Uint32Array(this.#starts[width]);
    this.#values = new Float64Array(this.#starts[width]);
    const next = this.#starts.slice(0, width);
    vectors.forEach(({ places, values }, row) => {
      places.forEach((place, i) => {
        this.#rowOf[next[place]] = row;
        this.#values[next[place]++] = values[i];
      });
    });
  }

  /** The dot product of `query` with every row, [rows]. */
  dot({ places, values }: SparseVector): Float64Array {
    const out = new Float64Array(this.rows);
    const starts = this.#starts;
    const rowOf = this.#rowOf;
    const weights = this.#values;
    for (let i = 0; i < places.length; i++) {
      const value = values[i];
      const end = starts[places[i] + 1];
      for (let j = starts[places[i]]; j < end; j++) out[rowOf[j]] += value * weights[j];
    }
    return out;
  }
}

/** The k greatest scores, best first; equal scores in the order of their rows, as a stable sort leaves them. */
export function topScores(scores: Float64Array, k: number): Ranking {
  const size = Math.min(k, scores.length);
  const indices = new Uint32Array(size);
  const best = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
  for (let row = 0; row < scores.length && size > 0; row++) {
    const score = scores[row];
    if (score <= best[size - 1]) continue;
    let at = size - 1;
    for (; at > 0 && best[at - 1] < score; at--) {
      best[at] = best[at - 1];
      indices[at] = indices[at - 1];
    }
    best[at] = score;
    indices[at] = row;
  }
  return { indices, scores: Float32Array.from(best) };
}
