/**
 * Ranks passages (misconception names) for queries by cosine, on the GPU: similarity, then the top k of every row. With
 * examples, labelled queries, a passage's score is mixed with the cosine of the example most like the query that bears
 * it: the retrieval of nearest neighbours beside that of names (Khandelwal et al. 2020 do the same to language models).
 */
import { similarity } from '../../kernels/similarity/similarity.ts';
import { topK } from '../../kernels/top_k/top_k.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { type Dim, Recorder, type Recording } from '../gpu/recorder.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { type Examples, type MixedExamples, mixExamples } from './examples.ts';

/** One query's best passages, best first: rows of the passage matrix and their cosines. */
export interface Ranking {
  indices: Uint32Array;
  scores: Float32Array;
}

type Tensors = Record<'passages' | 'queries' | 'scores' | 'values' | 'indices', Tensor>;

/** Queries ranked at once: bounds the score matrix. */
const QUERIES = 256;

export class Ranker {
  readonly gpu: Gpu;
  readonly k: number;
  readonly count: number;
  readonly dimensions: number;
  readonly #tensors: Tensors;
  readonly #examples: MixedExamples | undefined;
  readonly #rows: Dim;
  readonly #recording: Recording;

  private constructor(
    gpu: Gpu,
    k: number,
    tensors: Tensors,
    examples: MixedExamples | undefined,
    rows: Dim,
    recording: Recording,
  ) {
    this.gpu = gpu;
    this.k = k;
    [this.count, this.dimensions] = tensors.passages.shape;
    this.#tensors = tensors;
    this.#examples = examples;
    this.#rows = rows;
    this.#recording = recording;
  }

  /** `passages`: unit vectors f32 [count, dimensions]. `k` is cut to their number. */
  static async create(
    gpu: Gpu,
    passages: Float32Array,
    dimensions: number,
    k: number,
    examples?: Examples,
  ): Promise<Ranker> {
    const count = passages.length / dimensions;
    const top = Math.min(k, count);
    const tensors = {
      passages: gpu.upload('passages', 'f32', [count, dimensions], passages),
      queries: gpu.tensor('queries', 'f32', [QUERIES, dimensions]),
      scores: gpu.tensor('scores', 'f32', [QUERIES, count]),
      values: gpu.tensor('top scores', 'f32', [QUERIES, top]),
      indices: gpu.tensor('top indices', 'u32', [QUERIES, top]),
    };
    const rows = gpu.dim('queries');
    const r = new Recorder(gpu);
    const { queries, scores, values, indices } = tensors;
    similarity(r, { queries, passages: tensors.passages, y: scores, rows });
    const mixed = examples?.rows.length ? mixExamples(r, queries, scores, rows, examples) : undefined;
    topK(r, { scores: mixed?.y ?? scores, values, indices, rows, k: top });
    return new Ranker(gpu, top, tensors, mixed, rows, await r.finish());
  }

  /**
   * Rankings of unit vectors f32 [n, dimensions], in their order. Equal scores: the lower row first. `origins`: of each
   * query, where it may share one with examples.
   */
  async rank(queries: Float32Array, origins: readonly (number | undefined)[] = []): Promise<Ranking[]> {
    const { dimensions: d, k, gpu } = this;
    const n = queries.length / d;
    const out: Ranking[] = [];
    for (let from = 0; from < n; from += QUERIES) {
      const rows = Math.min(QUERIES, n - from);
      gpu.write(this.#tensors.queries, queries.subarray(from * d, (from + rows) * d));
      this.#rows.set(rows, this.count);
      this.#examples?.set(rows, origins.slice(from, from + rows));
      this.#recording.replay();
      const scores = (await gpu.read(this.#tensors.values, rows * k)) as Float32Array;
      const indices = (await gpu.read(this.#tensors.indices, rows * k)) as Uint32Array;
      for (let i = 0; i < rows; i++)
        out.push({ scores: scores.slice(i * k, (i + 1) * k), indices: indices.slice(i * k, (i + 1) * k) });
    }
    return out;
  }

  free(): void {
    this.#recording.free();
    this.gpu.free(...Object.values(this.#tensors), ...(this.#examples?.tensors ?? []));
  }
}
