/** The learning rate of a step: linear warm-up, then linear to zero, as transformers' get_linear_schedule_with_warmup. */

export interface Schedule {
  /** The highest learning rate, reached at step `warmupSteps`. */
  lr: number;
  warmupSteps: number;
  totalSteps: number;
}

/** The warm-up of a run of `totalSteps`: `share` of them, rounded down. */
export function warmupSteps(totalSteps: number, share: number): number {
  // A share such as .1 is not exact in binary, and .7 * 10 is 6.999…: a hair must not cost a step.
  return Math.floor(totalSteps * share + 1e-9);
}

/**
 * The learning rate of optimiser step `step`, counted from 0. As in transformers the very first step of a warm-up has
 * rate 0, and a step at or beyond `totalSteps` has rate 0.
 */
export function linearSchedule({ lr, warmupSteps, totalSteps }: Schedule, step: number): number {
  if (step < warmupSteps) return lr * (step / Math.max(1, warmupSteps));
  return lr * Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
}
