/**
 * How a process waits for its GPU. As long as anything is awaited, npm `webgpu` asks Dawn at every turn of the event loop:
 * a core that a software driver would have computed with, and garbage that V8 stops to collect. While something
 * is awaited here, each turn is made to last a moment.
 */
import type { AdapterDescription } from './adapter.ts';

/** Milliseconds of a turn: the most that an answer is late. */
const TURN_MS = { gpu: 0.1, software: 1 };

/** Never notified. Browsers have no shared memory for every page, and wait by themselves. */
const CELL = typeof SharedArrayBuffer === 'undefined' ? undefined : new Int32Array(new SharedArrayBuffer(4));

export class Patience {
  readonly #turnMs: number;
  #waiting = 0;
  #turning = false;

  constructor({ runtime, software }: AdapterDescription) {
    this.#turnMs = runtime === 'dawn' ? TURN_MS[software ? 'software' : 'gpu'] : 0;
  }

  /** The same promise, waited for patiently. */
  async during<T>(work: Promise<T>): Promise<T> {
    if (this.#turnMs === 0) return work;
    this.#waiting++;
    if (!this.#turning) {
      this.#turning = true;
      setImmediate(this.#turn);
    }
    try {
      return await work;
    } finally {
      this.#waiting--;
    }
  }

  readonly #turn = () => {
    this.#turning = this.#waiting > 0;
    if (!this.#turning) return;
    Atomics.wait(CELL!, 0, 0, this.#turnMs);
    setImmediate(this.#turn);
  };
}
