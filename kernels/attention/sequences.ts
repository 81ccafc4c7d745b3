/**
 * A packed batch: the tokens of all sequences lie end to end, T in all, and nothing is padded. Capacity is fixed
 * when a recording is made; `set` fills in one batch, between replays.
 */
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Dim } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';

/** Which sequences are cut into tiles, by their tokens, and how. */
export interface Cut {
  /** Queries a tile has at most. */
  rows: number;
  /** Of sequences of more tokens than this; 0 where left out. */
  over?: number;
  /** And of no more than this; no limit where left out. */
  upTo?: number;
}

/**
 * Consecutive queries of one sequence each, of one batch after the other, by their place in it: as keys the first of them have
 * the most queries after them, as queries the last have the most keys before, and what takes longest should begin first.
 */
export interface Tiles {
  /** u32 [most, 4]: (first row, one past the last row, first row of the sequence, sequence). */
  readonly list: Tensor;
  /** x: tiles in `list`. */
  readonly count: Dim;
}

export class Sequences {
  /** x: T, the tokens of this batch. */
  readonly tokens: Dim;
  /** x: S, its sequences. */
  readonly count: Dim;
  /** u32 [maxTokens]: each token's row of the embedding, which is its id unless `rows` says otherwise. */
  readonly ids: Tensor;
  /** u32 [maxTokens]: each token's place in its own sequence. */
  readonly positions: Tensor;
  /** u32 [maxSequences + 1]: sequence s is rows starts[s] .. starts[s + 1] - 1. */
  readonly starts: Tensor;
  readonly maxTokens: number;
  readonly maxSequences: number;
  /** Tokens that a sequence has at most. */
  readonly maxLength: number;
  /** The embedding's own, where it has only some tokens' rows. */
  readonly rows: ReadonlyMap<number, number> | undefined;
  readonly #gpu: Gpu;
  readonly #cuts: { cut: Required<Cut>; tiles: Tiles }[] = [];
  #batchStarts: Uint32Array = new Uint32Array(1);

  constructor(
    gpu: Gpu,
    maxTokens: number,
    maxSequences: number,
    rows?: ReadonlyMap<number, number>,
    maxLength = maxTokens,
  ) {
    this.#gpu = gpu;
    this.rows = rows;
    this.maxTokens = maxTokens;
    this.maxSequences = maxSequences;
    this.maxLength = maxLength;
    this.tokens = gpu.dim('tokens');
    this.count = gpu.dim('sequences');
    this.ids = gpu.tensor('ids', 'u32', [maxTokens]);
    this.positions = gpu.tensor('positions', 'u32', [maxTokens]);
    this.starts = gpu.tensor('starts', 'u32', [maxSequences + 1]);
  }

  /** The tiles of a cut, which every batch fills from now on: the same for the same cut. */
  tiles({ rows, over = 0, upTo = Number.POSITIVE_INFINITY }: Cut): Tiles {
    const known = this.#cuts.find(({ cut }) => cut.rows === rows && cut.over === over && cut.upTo === upTo);
    if (known) return known.tiles;
    const most = Math.ceil(this.maxTokens / rows) + this.maxSequences;
    const tiles = { list: this.#gpu.tensor('tiles', 'u32', [most, 4]), count: this.#gpu.dim('tiles') };
    this.#cuts.push({ cut: { rows, over, upTo }, tiles });
    this.#fill({ rows, over, upTo }, tiles);
    return tiles;
  }

  #fill({ rows, over, upTo }: Required<Cut>, { list, count }: Tiles): void {
    const starts = this.#batchStarts;
    const tiles: number[] = [];
    let cut = Array.from(starts.subarray(1), (_, s) => s).filter((s) => {
      const length = starts[s + 1] - starts[s];
      return length > over && length <= upTo;
    });
    for (let place = 0; cut.length > 0; place += rows) {
      for (const s of cut) {
        const at = starts[s] + place;
        tiles.push(at, Math.min(at + rows, starts[s + 1]), starts[s], s);
      }
      cut = cut.filter((s) => starts[s] + place + rows < starts[s + 1]);
    }
    if (tiles.length > 0) this.#gpu.write(list, Uint32Array.from(tiles));
    count.set(tiles.length / 4);
  }

  /** Loads one batch of token ids; every sequence has at least one token, all fit the capacity and have their rows. */
  set(batch: readonly ArrayLike<number>[]): void {
    const total = batch.reduce((n, s) => n + s.length, 0);
    const fits = (n: number) => n > 0 && n <= this.maxLength;
    if (total > this.maxTokens || batch.length > this.maxSequences || !batch.every((s) => fits(s.length)))
      throw new Error(
        `a batch of ${batch.length} sequences, ${total} tokens does not fit ${this.maxSequences}, ${this.maxTokens}`,
      );
    const ids = new Uint32Array(total);
    const positions = new Uint32Array(total);
    const starts = new Uint32Array(batch.length + 1);
    batch.forEach((sequence, s) => {
      const start = starts[s];
      const end = (starts[s + 1] = start + sequence.length);
      ids.set(sequence, start);
      for (let i = start; i < end; i++) {
        positions[i] = i - start;
        if (this.rows) ids[i] = rowOf(this.rows, ids[i]);
      }
    });
    this.#gpu.write(this.ids, ids);
    this.#gpu.write(this.positions, positions);
    this.#gpu.write(this.starts, starts);
    this.tokens.set(total);
    this.count.set(batch.length);
    this.#batchStarts = starts;
    for (const { cut, tiles } of this.#cuts) this.#fill(cut, tiles);
  }

  free(): void {
    this.#gpu.free(this.ids, this.positions, this.starts, ...this.#cuts.map(({ tiles }) => tiles.list));
  }
}

function rowOf(rows: ReadonlyMap<number, number>, id: number): number {
  const row = rows.get(id);
  if (row === undefined) throw new Error(`token ${id} is none of the ${rows.size} whose embeddings were loaded`);
  return row;
}
