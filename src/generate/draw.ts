/**
 * The choices that a question is drawn with: numbers, and words from lists. One rule reserves words for questions that
 * no model trains on: the last quarter of every list, rounded up, belongs to the split `held-out` and to it alone.
 */
import { shuffled, uniform } from '../data/random.ts';
import { CURRENCIES, LETTERS, NAMES, PLACES } from './contexts.ts';

export const SPLITS = ['train', 'held-out'] as const;
export type Split = (typeof SPLITS)[number];

/** How many entries at the end of a list of `length` are held out. */
export const reserved = (length: number): number => Math.ceil(length / 4);

/** The entries of a list that a split may use. */
export function partOf<T>(list: readonly T[], split: Split): readonly T[] {
  const cut = list.length - reserved(list.length);
  return split === 'train' ? list.slice(0, cut) : list.slice(cut);
}

/** Seeded choices. The same seed and split, asked for the same things in the same order, give the same things. */
export class Draw {
  readonly split: Split;
  readonly #random: () => number;

  constructor(seed: number, split: Split = 'train') {
    this.#random = uniform(seed);
    this.split = split;
  }

  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low + 1));
  }

  /** A whole number from `low` to `high` that is none of `not`. */
  intNot(low: number, high: number, ...not: number[]): number {
    for (;;) {
      const drawn = this.int(low, high);
      if (!not.includes(drawn)) return drawn;
    }
  }

  /** `count` different whole numbers from `low` to `high`, in no order. */
  ints(count: number, low: number, high: number): number[] {
    const drawn = new Set<number>();
    while (drawn.size < count) drawn.add(this.int(low, high));
    return [...drawn];
  }

  /** A decimal with `places` digits after the point, the last not 0, from `low` to `high`. */
  decimal(low: number, high: number, places: number): number {
    const scale = 10 ** places;
    for (;;) {
      const digits = this.int(low * scale, high * scale);
      if (digits % 10 !== 0) return digits / scale;
    }
  }

  /** A number from 0 to 1. */
  get share(): number {
    return this.#random();
  }

  chance(p: number): boolean {
    return this.#random() < p;
  }

  /** Any entry of a list of numbers or forms, whatever the split. */
  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)];
  }

  /** An entry of a list of words, of this split's part. */
  word<T>(list: readonly T[]): T {
    return this.pick(partOf(list, this.split));
  }

  /** `count` different words of this split's part. */
  words<T>(list: readonly T[], count: number): T[] {
    const part = partOf(list, this.split);
    return this.ints(Math.min(count, part.length), 0, part.length - 1).map((i) => part[i]);
  }

  shuffled<T>(list: readonly T[]): T[] {
    return shuffled(list, this.#random);
  }

  get name(): string {
    return this.word(NAMES);
  }

  get place(): string {
    return this.word(PLACES);
  }

  /** Two people. */
  get pair(): [string, string] {
    return this.words(NAMES, 2) as [string, string];
  }

  /** `£`, `\$` or `€`, in either split. */
  get currency(): string {
    return this.pick(CURRENCIES);
  }

  /** A letter for an unknown, in either split. */
  get letter(): string {
    return this.pick(LETTERS);
  }
}
