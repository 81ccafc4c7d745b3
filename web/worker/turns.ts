/**
 * Who waits for whom in the worker. Long work goes one after the other; a ranking waits for nothing but changes of
 * what it uses, so that typing stays quick while a class is ranked or a model is downloaded.
 */
export class Turns {
  #queue: Promise<unknown> = Promise.resolve();
  #changed: Promise<unknown> = Promise.resolve();
  readonly #quick = new Set<Promise<unknown>>();
  #running: AbortController | undefined;

  /** Runs after all long work that was queued before; `cancel` fires the signal. */
  long<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const run = this.#queue.then(async () => {
      const controller = new AbortController();
      this.#running = controller;
      try {
        return await work(controller.signal);
      } finally {
        this.#running = undefined;
      }
    });
    this.#queue = run.catch(() => {});
    return run;
  }

  /** Long work that quick work must wait for from now on. */
  change<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const run = this.long((signal) => this.swap(() => work(signal)));
    this.#changed = run.catch(() => {});
    return run;
  }

  /** The part of long work that changes what quick work uses: what is under way comes first, later work waits. */
  swap<T>(work: () => Promise<T>): Promise<T> {
    const run = Promise.allSettled(this.#quick).then(work);
    this.#changed = run.catch(() => {});
    return run;
  }

  /** Makes quick work wait for `run` too. */
  hold(run: Promise<unknown>): void {
    this.#changed = run.catch(() => {});
  }

  /** Runs as soon as no change is under way. */
  async quick<T>(work: () => Promise<T>): Promise<T> {
    for (let change: unknown; change !== this.#changed; ) {
      change = this.#changed;
      await change;
    }
    const run = work();
    this.#quick.add(run);
    try {
      return await run;
    } finally {
      this.#quick.delete(run);
    }
  }

  /** Ends the long work under way, which rejects with that message. */
  cancel(message: string): void {
    this.#running?.abort(new Error(message));
  }
}
