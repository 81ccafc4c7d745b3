/** The specification of adamw in float64: torch.optim.AdamW's update, in place. An optimiser has no backward pass. */
import type { AdamwOptions, AdamwStep } from './adamw.ts';

export interface AdamwRefState {
  p: Float64Array;
  m: Float64Array;
  v: Float64Array;
}

/** One update of p, m, v by gradients g. */
export function adamwRef({ p, m, v }: AdamwRefState, g: ArrayLike<number>, step: AdamwStep, o: AdamwOptions): void {
  const { lr, weightDecay, t } = step;
  for (let i = 0; i < p.length; i++) {
    p[i] -= lr * weightDecay * p[i];
    m[i] += (1 - o.beta1) * (g[i] - m[i]);
    v[i] += (1 - o.beta2) * (g[i] ** 2 - v[i]);
    const mHat = m[i] / (1 - o.beta1 ** t);
    const vHat = v[i] / (1 - o.beta2 ** t);
    p[i] -= (lr * mHat) / (Math.sqrt(vHat) + o.eps);
  }
}
