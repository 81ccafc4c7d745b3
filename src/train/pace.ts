/** How long a step may be slept for before its outcome is asked for: learnt from the steps before it. */

/**
 * Share of a step's expected time to sleep. As long as anything is awaited of it, Dawn polls at every turn of the event
 * loop and leaves garbage: on an H200 collecting it took a tenth of a run.
 */
const SLEEP = 0.85;
/** A step that takes this much longer than was slept was still running when it was asked for. */
const AWAKE = 1.1;
/** The most that one step raises what is expected: a single slow one must not make those after it slow. */
const MOST_GROWTH = 1.25;

export class Pace {
  #msPerToken = 0;

  /** Milliseconds to sleep for a step of so many tokens; 0 before anything is known. */
  sleep(tokens: number): number {
    return SLEEP * this.#msPerToken * tokens;
  }

  /** A step of `tokens` was over `elapsed` milliseconds after its submission, of which `slept` were slept. */
  learn(tokens: number, slept: number, elapsed: number): void {
    const took = elapsed / tokens;
    const overslept = slept > 0 && elapsed < AWAKE * slept;
    const most = this.#msPerToken > 0 ? MOST_GROWTH * this.#msPerToken : took;
    this.#msPerToken = overslept ? took / 2 : Math.min(took, most);
  }
}
