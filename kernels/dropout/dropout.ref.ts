/** The specification of dropout in float64; being linear in x, it is its own backward pass with dy for x. */
import { keep, threshold } from './mask.ts';

export interface DropoutPlace {
  key: readonly [number, number];
  step: number;
  site: number;
  /** The probability of being dropped. */
  p: number;
}

/** x [n] -> y [n]. */
export function dropoutRef(x: ArrayLike<number>, { key, step, site, p }: DropoutPlace): Float64Array {
  const dropBelow = threshold(p);
  return Float64Array.from(x, (value, i) => (keep(key, step, site, i, dropBelow) ? value / (1 - p) : 0));
}
