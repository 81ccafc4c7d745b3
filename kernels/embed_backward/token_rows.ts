/** Which rows of a packed batch hold which token: the batch's positions sorted by id, as compressed sparse rows. */
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Dim } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';

export interface SortedTokens {
  /** The distinct ids, ascending. */
  ids: Uint32Array;
  /** Positions of ids[u]: order[offsets[u]] .. order[offsets[u + 1] - 1], ascending. */
  offsets: Uint32Array;
  order: Uint32Array;
}

/** Sorts the positions of `tokens` by id, equal ids by position: a counting sort, linear in tokens and the largest id. */
export function sortTokens(tokens: ArrayLike<number>): SortedTokens {
  const T = tokens.length;
  let vocab = 0;
  for (let t = 0; t < T; t++) vocab = Math.max(vocab, tokens[t] + 1);
  /** Where the next position of an id goes. */
  const places = new Uint32Array(vocab);
  for (let t = 0; t < T; t++) places[tokens[t]]++;
  const ids: number[] = [];
  const offsets: number[] = [0];
  for (let id = 0, at = 0; id < vocab; id++) {
    const count = places[id];
    places[id] = at;
    at += count;
    if (count) offsets[ids.push(id)] = at;
  }
  const order = new Uint32Array(T);
  for (let t = 0; t < T; t++) order[places[tokens[t]]++] = t;
  return { ids: Uint32Array.from(ids), offsets: Uint32Array.from(offsets), order };
}

/** The sorted tokens of the current batch on the GPU; `set` fills in one batch, between replays. */
export class TokenRows {
  /** x: how many distinct ids this batch has. */
  readonly count: Dim;
  /** u32 [maxTokens] */
  readonly ids: Tensor;
  /** u32 [maxTokens + 1] */
  readonly offsets: Tensor;
  /** u32 [maxTokens] */
  readonly order: Tensor;
  readonly maxTokens: number;
  readonly #gpu: Gpu;

  constructor(gpu: Gpu, maxTokens: number) {
    this.#gpu = gpu;
    this.maxTokens = maxTokens;
    this.count = gpu.dim('distinct ids');
    this.ids = gpu.tensor('distinct ids', 'u32', [maxTokens]);
    this.offsets = gpu.tensor('offsets of ids', 'u32', [maxTokens + 1]);
    this.order = gpu.tensor('tokens by id', 'u32', [maxTokens]);
  }

  /** `tokens`: the ids of the packed batch, all sequences end to end. */
  set(tokens: ArrayLike<number>): void {
    if (tokens.length > this.maxTokens) throw new Error(`${tokens.length} tokens do not fit ${this.maxTokens}`);
    const { ids, offsets, order } = sortTokens(tokens);
    this.#gpu.write(this.ids, ids);
    this.#gpu.write(this.offsets, offsets);
    this.#gpu.write(this.order, order);
    this.count.set(ids.length);
  }

  free(): void {
    this.#gpu.free(this.ids, this.offsets, this.order);
  }
}
