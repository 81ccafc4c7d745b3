/**
 * A packed batch: the tokens of all sequences lie end to end, T in all, and nothing is padded. Capacity is fixed
 * when a recording is made; `set` fills in one batch, between replays.
 */
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Dim } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';

export class Sequences {
  /** x: T, the tokens of this batch. */
  readonly tokens: Dim;
  /** x: S, its sequences. */
  readonly count: Dim;
  /** x: query tiles in `tiles`. */
  readonly tileCount: Dim;
  /** u32 [maxTokens] */
  readonly ids: Tensor;
  /** u32 [maxTokens]: each token's place in its own sequence. */
  readonly positions: Tensor;
  /** u32 [maxSequences + 1]: sequence s is rows starts[s] .. starts[s + 1] - 1. */
  readonly starts: Tensor;
  /** u32 [maxTiles, 4]: (first row, one past the last row, first row of the sequence, sequence): up to `tileRows` queries of one sequence. */
  readonly tiles: Tensor;
  readonly maxTokens: number;
  readonly maxSequences: number;
  readonly tileRows: number;
  readonly #gpu: Gpu;

  /** `tileRows`: the queries that one workgroup of attention takes, from its plan. */
  constructor(gpu: Gpu, maxTokens: number, maxSequences: number, tileRows: number) {
    this.#gpu = gpu;
    this.maxTokens = maxTokens;
    this.maxSequences = maxSequences;
    this.tileRows = tileRows;
    this.tokens = gpu.dim('tokens');
    this.count = gpu.dim('sequences');
    this.tileCount = gpu.dim('tiles');
    this.ids = gpu.tensor('ids', 'u32', [maxTokens]);
    this.positions = gpu.tensor('positions', 'u32', [maxTokens]);
    this.starts = gpu.tensor('starts', 'u32', [maxSequences + 1]);
    this.tiles = gpu.tensor('tiles', 'u32', [Math.ceil(maxTokens / tileRows) + maxSequences, 4]);
  }

  /** Loads one batch; every sequence has at least one token, and all fit the capacity. */
  set(batch: readonly ArrayLike<number>[]): void {
    const total = batch.reduce((n, s) => n + s.length, 0);
    if (total > this.maxTokens || batch.length > this.maxSequences || batch.some((s) => s.length === 0))
      throw new Error(
        `a batch of ${batch.length} sequences, ${total} tokens does not fit ${this.maxSequences}, ${this.maxTokens}`,
      );
    const ids = new Uint32Array(total);
    const positions = new Uint32Array(total);
    const starts = new Uint32Array(batch.length + 1);
    const tiles: number[] = [];
    batch.forEach((sequence, s) => {
      const start = starts[s];
      const end = (starts[s + 1] = start + sequence.length);
      ids.set(sequence, start);
      for (let i = start; i < end; i++) positions[i] = i - start;
      for (let i = start; i < end; i += this.tileRows) tiles.push(i, Math.min(i + this.tileRows, end), start, s);
    });
    this.#gpu.write(this.ids, ids);
    this.#gpu.write(this.positions, positions);
    this.#gpu.write(this.starts, starts);
    this.#gpu.write(this.tiles, Uint32Array.from(tiles));
    this.tokens.set(total);
    this.count.set(batch.length);
    this.tileCount.set(tiles.length / 4);
  }

  free(): void {
    this.#gpu.free(this.ids, this.positions, this.starts, this.tiles);
  }
}
