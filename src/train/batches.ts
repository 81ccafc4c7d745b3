/**
 * What a training step sees: some queries, and one pool of passages that they share. A batch is a function of the
 * seed, the epoch and the step alone, so a run that stopped continues with the very batches that it would have had.
 */
import { keyOf, philox } from '../../kernels/dropout/philox.ts';
import { shuffled, uniform } from '../data/random.ts';
import { UserError } from '../errors.ts';

export interface BatchesOptions {
  /** Row of the taxonomy that each training row is labelled with. */
  labels: readonly number[];
  /** How many passages the taxonomy has. */
  passages: number;
  /** Queries a batch; the last of an epoch has what is left. */
  batch: number;
  /** Passages drawn beside the batch's positives, or all that the pool has. */
  negatives: number | 'all';
  /** Where negatives come from: passages that are some training row's label, or the whole taxonomy. */
  pool: 'positives' | 'all';
  /** Share of the positives that another training row with their label stands for; 0 where left out. */
  examples?: number;
  /** A whole number from 0, below 2^53. */
  seed: number;
}

/** Where a run stands: everything that the next batch depends on beside the options. */
export interface BatchState {
  epoch: number;
  /** Of the epoch, from 0. */
  step: number;
}

export interface Batch extends BatchState {
  /** Training rows, in shuffled order. */
  rows: number[];
  /** Rows of the taxonomy, ascending, each once. */
  passages: number[];
  /** For each passage the training row whose query stands for it, or undefined where its own text does. */
  examples: (number | undefined)[];
  /** For each row, the index in `passages` of its own label. */
  targets: number[];
}

/** What a random stream is for: the same seed must not shuffle rows and draw negatives with the same numbers. */
const ROWS = 0;
const NEGATIVES = 1;
const EXAMPLES = 2;

export class Batches {
  readonly stepsPerEpoch: number;
  readonly #options: BatchesOptions;
  readonly #pool: readonly number[];
  readonly #rowsOf = new Map<number, number[]>();
  #order: { epoch: number; rows: readonly number[] } | undefined;

  /** Throws a UserError where a batch is larger than the data, or an Error for a label outside the taxonomy. */
  constructor(options: BatchesOptions) {
    const { labels, passages, batch, pool } = options;
    if (batch > labels.length)
      throw new UserError(
        `batch ${batch} is larger than the data, ${labels.length} training rows: set a smaller batch`,
      );
    const outside = labels.find((label) => !(label >= 0 && label < passages));
    if (outside !== undefined) throw new Error(`label ${outside} is not a row of a taxonomy of ${passages}`);
    this.#options = options;
    labels.forEach((label, row) => {
      this.#rowsOf.set(label, [...(this.#rowsOf.get(label) ?? []), row]);
    });
    this.#pool =
      pool === 'all' ? Array.from({ length: passages }, (_, i) => i) : [...new Set(labels)].sort((a, b) => a - b);
    this.stepsPerEpoch = Math.ceil(labels.length / batch);
  }

  /** The most passages that a batch can have: what memory is planned with. */
  get maxPassages(): number {
    const { batch, negatives, passages } = this.#options;
    return Math.min(passages, negatives === 'all' ? passages : batch + negatives);
  }

  /**
   * The batch of a step. `hard` gives passages for a training row, hardest first, such as those that the current model
   * ranks high: they go into the pool before any drawn at random, the first of every row before the second of any,
   * until there are `negatives` of them. The batch's own positives are never among the negatives.
   */
  at({ epoch, step }: BatchState, hard?: (row: number) => readonly number[]): Batch {
    const { labels, batch, negatives, seed } = this.#options;
    const rows = this.#rows(epoch).slice(step * batch, (step + 1) * batch);
    if (rows.length === 0) throw new RangeError(`epoch ${epoch} has ${this.stepsPerEpoch} steps, and none ${step}`);
    const chosen = new Set(rows.map((row) => labels[row]));
    const most = negatives === 'all' ? Number.POSITIVE_INFINITY : chosen.size + negatives;
    for (const passage of interleaved(hard ? rows.map(hard) : [])) {
      if (chosen.size >= most) break;
      chosen.add(passage);
    }
    const rest = this.#pool.filter((passage) => !chosen.has(passage));
    const drawn = shuffled(rest, stream(seed, NEGATIVES, epoch, step));
    for (const passage of drawn.slice(0, Math.max(0, most - chosen.size))) chosen.add(passage);
    const passages = [...chosen].sort((a, b) => a - b);
    const place = new Map(passages.map((passage, i) => [passage, i]));
    const targets = rows.map((row) => place.get(labels[row])!);
    return { epoch, step, rows, passages, examples: this.#examples({ epoch, step }, rows, passages), targets };
  }

  /** Rows of the batch stand for nothing: their queries would be their own passages. */
  #examples({ epoch, step }: BatchState, rows: readonly number[], passages: readonly number[]): Batch['examples'] {
    const { labels, examples = 0, seed } = this.#options;
    if (examples === 0) return passages.map(() => undefined);
    const next = stream(seed, EXAMPLES, epoch, step);
    const positives = new Set(rows.map((row) => labels[row]));
    return passages.map((passage) => {
      if (!positives.has(passage)) return undefined;
      const others = this.#rowsOf.get(passage)!.filter((row) => !rows.includes(row));
      const [chosen, which] = [next() < examples, next()];
      return chosen && others.length ? others[Math.floor(which * others.length)] : undefined;
    });
  }

  /** The state after a step. */
  next({ epoch, step }: BatchState): BatchState {
    return step + 1 < this.stepsPerEpoch ? { epoch, step: step + 1 } : { epoch: epoch + 1, step: 0 };
  }

  #rows(epoch: number): readonly number[] {
    if (this.#order?.epoch !== epoch) {
      const { labels, seed } = this.#options;
      this.#order = {
        epoch,
        rows: shuffled(
          labels.map((_, row) => row),
          stream(seed, ROWS, epoch, 0),
        ),
      };
    }
    return this.#order.rows;
  }
}

/** Random numbers for one purpose at one place of a run. */
function stream(seed: number, purpose: number, epoch: number, step: number): () => number {
  return uniform(philox([step, epoch, purpose, 0], keyOf(seed))[0]);
}

/** The first of every list, then the second of every list, and so on. */
function* interleaved(lists: readonly (readonly number[])[]): Generator<number> {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  for (let i = 0; i < longest; i++) for (const list of lists) if (i < list.length) yield list[i];
}
