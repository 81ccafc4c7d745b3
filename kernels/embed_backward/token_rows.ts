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

/** Sorts the positions of `tokens` by id, equal ids by position. */
export function sortTokens(tokens: ArrayLike<number>): SortedTokens {
  const T = tokens.length;
  // Id and position in one number, exact below 2^53: typed arrays sort numbers without a comparator.
  const keys = Float64Array.from({ length: T }, (_, t) => tokens[t] * T + t).sort();
  const order = Uint32Array.from(keys, (key) => key % T);
  const starts: number[] = [];
  for (let i = 0; i < T; i++) if (i === 0 || tokens[order[i]] !== tokens[order[i - 1]]) starts.push(i);
  return { ids: Uint32Array.from(starts, (i) => tokens[order[i]]), offsets: Uint32Array.from([...starts, T]), order };
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
