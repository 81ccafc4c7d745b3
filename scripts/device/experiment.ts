/** What the experiments of this folder share: what they were told, how much of their time is left, and a GPU whose clock is up. */
import type { Recording } from '../../src/gpu/recorder.ts';

/** What follows an option on the command line. */
export const argument = (name: string): string | undefined => process.argv.find((_, i) => process.argv[i - 1] === name);

/** Seconds left of those that --seconds gives, or of `usual`. */
export function remaining(usual: number): () => number {
  const end = performance.now() + 1000 * Number(argument('--seconds') ?? usual);
  return () => (end - performance.now()) / 1000;
}

/** Samples that wait on the GPU at a time, so that it never waits for the CPU. */
const IN_FLIGHT = 3;

class Queue {
  readonly #waiting: Promise<void>[] = [];

  /** Queues `repeats` replays as a sample, and waits until few enough are. */
  async add(recording: Recording, repeats: number, then?: (ns: number) => void): Promise<void> {
    this.#waiting.push(recording.time(repeats).then(then));
    if (this.#waiting.length >= IN_FLIGHT) await this.#waiting.shift();
  }

  async end(): Promise<void> {
    await Promise.all(this.#waiting.splice(0));
  }
}

/**
 * Keeps the GPU busy, each of these in turn, until its clock has risen, which on an H200 takes a second and more of work
 * without a pause: it falls while pipelines compile, and one sample waited for at a time did not raise it. A software
 * driver has none. Returns what a replay of each took last, in nanoseconds.
 */
export async function warm(of: Recording | readonly Recording[], ms = 1500): Promise<number[]> {
  const all = 'time' in of ? [of] : of;
  const { software } = all[0].gpu.description;
  const ns = all.map(() => 0);
  const queue = new Queue();
  const end = performance.now() + (software ? 0 : ms);
  for (let i = 0; i < all.length || performance.now() < end; i++) {
    const at = i % all.length;
    await queue.add(all[at], software ? 1 : 8, (took) => {
      ns[at] = took;
    });
  }
  await queue.end();
  return ns;
}

export interface Rounds {
  /** Median over the rounds of each round's median, nanoseconds a replay. */
  ns: number;
  /** From the fastest to the slowest round, as a share of it. */
  spread: number;
}

export interface Comparison {
  keeper?: Recording;
  warmMs?: number;
  rounds?: number;
  /** Of a recording a round, and about how long one takes. */
  samples?: number;
  sampleMs?: number;
}

/**
 * Times recordings against each other: warms up, then takes them in turn, round after round, each in another order, the GPU
 * busy throughout. What is timed first is then no slower for it, and a clock that moves shows as spread. The first sample
 * after another recording's does not count. `keeper`: arithmetic alone in few long dispatches, which keeps a GPU busy
 * whatever encoding costs; it is the warm-up, comes before each recording of each round, and is timed last in what returns.
 */
export async function compare(
  all: readonly Recording[],
  { keeper, warmMs = 1500, rounds = 5, samples = 3, sampleMs = 2 }: Comparison = {},
): Promise<Rounds[]> {
  if (keeper) await warm(keeper, warmMs);
  const kept = keeper ? [...all, keeper] : all;
  const once = await warm(kept, keeper ? 50 : warmMs);
  const repeats = once.map((ns) => Math.max(1, Math.min(500, Math.round((sampleMs * 1e6) / Math.max(1, ns)))));
  const taken = kept.map(() => Array.from({ length: rounds }, () => [] as number[]));
  const queue = new Queue();
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < all.length; i++) {
      const from = Math.floor((round * all.length) / rounds);
      const at = (from + (round % 2 ? all.length - 1 - i : i)) % all.length;
      if (keeper) await queue.add(keeper, repeats[all.length], (ns) => taken[all.length][round].push(ns));
      await queue.add(all[at], repeats[at]);
      for (let k = 0; k < samples; k++) await queue.add(all[at], repeats[at], (ns) => taken[at][round].push(ns));
    }
  await queue.end();
  return taken.map((of) => {
    const each = of.map(median).sort((a, b) => a - b);
    const ns = median(each);
    return { ns, spread: (each[rounds - 1] - each[0]) / ns };
  });
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
