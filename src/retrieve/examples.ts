/** Labelled queries as a second witness of what a passage means: similarity to them, and the mix with the scores of passages. */
import { nearestExample } from '../../kernels/nearest_example/nearest_example.ts';
import { similarity } from '../../kernels/similarity/similarity.ts';
import type { Dim, Recorder } from '../gpu/recorder.ts';
import type { Tensor } from '../gpu/tensor.ts';

/** Labelled queries. */
export interface Examples {
  /** Unit vectors f32 [examples, dimensions]. */
  vectors: Float32Array;
  /** The passage that each bears, as a row of the passage matrix. */
  rows: readonly number[];
  /** What each comes from, such as its question: a whole number below 2^32 - 1. Queries of the same origin do not look at it. */
  origins: readonly number[];
  /** Their share of a score, from 0 to 1. */
  weight: number;
}

/** Examples in a recording. */
export interface MixedExamples {
  /** f32 [queries, passages]: the scores to rank by. */
  y: Tensor;
  /** To be called before a replay with so many queries: their origins, undefined where they have none. */
  set(queries: number, origins: readonly (number | undefined)[]): void;
  tensors: Tensor[];
}

/** The origin of a query that has none. */
const NO_ORIGIN = 0xffffffff;

/** Records what mixes `scores` f32 [Q, P] of `queries` f32 [Q, dimensions] with those of at least one example. */
export function mixExamples(
  r: Recorder,
  queries: Tensor,
  scores: Tensor,
  rows: Dim,
  { vectors, rows: bears, origins, weight }: Examples,
): MixedExamples {
  const { gpu } = r;
  const [[Q, P], E, d] = [scores.shape, bears.length, queries.shape[1]];
  const order = bears.map((_, e) => e).sort((a, b) => bears[a] - bears[b] || a - b);
  const sorted = new Float32Array(E * d);
  order.forEach((e, at) => {
    sorted.set(vectors.subarray(e * d, (e + 1) * d), at * d);
  });
  const first = new Uint32Array(P + 1);
  for (const row of bears) first[row + 1]++;
  for (let p = 0; p < P; p++) first[p + 1] += first[p];
  const origin = Uint32Array.from(order, (e) => origins[e]);
  const passages = gpu.upload('examples', 'f32', [E, d], sorted);
  const tensors = {
    first: gpu.upload('first examples', 'u32', [P + 1], first),
    origin: gpu.upload('origins', 'u32', [E], origin),
    own: gpu.tensor('own origins', 'u32', [Q]),
    similar: gpu.tensor('cosines of examples', 'f32', [Q, E]),
    y: gpu.tensor('mixed scores', 'f32', [Q, P]),
  };
  const exampleRows = gpu.dim('queries and examples');
  similarity(r, { queries, passages, y: tensors.similar, rows: exampleRows });
  nearestExample(r, { ...tensors, scores, rows, weight });
  return {
    y: tensors.y,
    set(count, asked) {
      exampleRows.set(count, E);
      gpu.write(
        tensors.own,
        Uint32Array.from({ length: count }, (_, i) => asked[i] ?? NO_ORIGIN),
      );
    },
    tensors: [passages, ...Object.values(tensors)],
  };
}
