/** The specification of cross_entropy in float64, forward and backward, and how far f32 may be from it. */
import { EPS } from '../../test/numeric.ts';
import { type CrossEntropyPlan, IGNORED } from './cross_entropy.ts';

export interface CrossEntropyRef {
  /** [T] */
  losses: Float64Array;
  lse: Float64Array;
  /** [T, V]: gain times the gradient of the losses' sum */
  dlogits: Float64Array;
}

/** logits [T, V], targets [T]; T is targets.length. */
export function crossEntropyRef(
  logits: ArrayLike<number>,
  targets: ArrayLike<number>,
  V: number,
  gain = 1,
): CrossEntropyRef {
  const T = targets.length;
  const [losses, lse, dlogits] = [new Float64Array(T), new Float64Array(T), new Float64Array(T * V)];
  for (let t = 0; t < T; t++) {
    if (targets[t] === IGNORED) continue;
    const row = t * V;
    const { top, sum } = exponentials(logits, row, V);
    losses[t] = top - logits[row + targets[t]] + Math.log(sum);
    lse[t] = top + Math.log(sum);
    for (let v = 0; v < V; v++)
      dlogits[row + v] = gain * (Math.exp(logits[row + v] - top) / sum - (v === targets[t] ? 1 : 0));
  }
  return { losses, lse, dlogits };
}

/**
 * How far f32 may be off, to first order, in terms of u = 2^-24. WGSL's exp(x) is off by 3 + 2 |x| units of 2^-23, and
 * an x that is a difference by u of itself: 6 + 5 |x| u together. A term of the sum, exp(logit - top), is a product of
 * such factors whose arguments add up to logit - top: one where it is read, and one a join with what its thread or
 * another has. With the product and the addition that a join makes, the sum is off by 8 u a factor, by u an addition of
 * a read's or a round's terms, and by 5 u times how far below the largest the logits lie on average. log is off by 3
 * units of 2^-23, or by 2^-21 near 1. dlogits are rounded to `dtype` last.
 */
export function crossEntropyBounds(
  logits: ArrayLike<number>,
  targets: ArrayLike<number>,
  V: number,
  gain: number,
  { width, WG, PER }: CrossEntropyPlan,
  dtype: 'f16' | 'f32',
): CrossEntropyRef {
  const u = EPS.f32;
  const factors = 1 + Math.ceil(V / (width * WG * PER)) + Math.log2(WG);
  const exact = crossEntropyRef(logits, targets, V, gain);
  const bounds = { losses: exact.losses.slice(), lse: exact.lse.slice(), dlogits: exact.dlogits.slice() };
  for (const [t, target] of Array.from(targets).entries()) {
    if (target === IGNORED) continue;
    const row = t * V;
    const { top, sum } = exponentials(logits, row, V);
    let below = 0;
    for (let v = 0; v < V; v++) {
      const share = Math.exp(logits[row + v] - top) / sum;
      if (share > 0) below += share * (top - logits[row + v]);
    }
    const logSum = u * (8 * factors + width + PER + 5 * below + 8 + 6 * Math.log(sum));
    bounds.losses[t] = logSum + u * (top - logits[row + target] + exact.losses[t]);
    bounds.lse[t] = logSum + u * Math.abs(exact.lse[t]);
    for (let v = 0; v < V; v++) {
      const i = row + v;
      const x = logits[i] - exact.lse[t];
      const share = Math.exp(x);
      const error = share > 0 ? share * Math.expm1(bounds.lse[t] + u * (6 + 5 * Math.abs(x))) : 0;
      // The difference, the product and gain itself are rounded; what is below 2^-126 may become 0.
      const size = Math.abs(exact.dlogits[i]);
      bounds.dlogits[i] = gain * error + (3 * u + EPS[dtype]) * size + (1 + gain) * 2 ** -126;
      if (dtype === 'f16') bounds.dlogits[i] += 2 ** -25;
    }
  }
  return bounds;
}

/** A row's largest logit, and Σ exp(logit - largest). */
function exponentials(logits: ArrayLike<number>, row: number, V: number): { top: number; sum: number } {
  let [top, sum] = [Number.NEGATIVE_INFINITY, 0];
  for (let v = 0; v < V; v++) top = Math.max(top, logits[row + v]);
  for (let v = 0; v < V; v++) sum += Math.exp(logits[row + v] - top);
  return { top, sum };
}
