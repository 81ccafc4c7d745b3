/**
 * Runs one thing at a time and keeps at most the newest of what came meanwhile: someone who types faster than the GPU
 * ranks never builds up a queue.
 */
export class Latest {
  #running = false;
  #next: (() => Promise<void>) | undefined;

  /** Runs `job` now, or after the running one unless a newer job has taken its place by then. */
  run(job: () => Promise<void>): void {
    if (this.#running) {
      this.#next = job;
      return;
    }
    this.#running = true;
    void job().finally(() => {
      this.#running = false;
      const next = this.#next;
      this.#next = undefined;
      if (next) this.run(next);
    });
  }
}
