/**
 * The dynamic loss scale of f16 training (Micikevicius et al. 2018), with torch.amp.GradScaler's numbers: gradients
 * travel multiplied by it, so that small ones do not round to zero, and where any overflows the step is left out.
 */

export interface LossScale {
  lossScale: number;
  /** Updates since it changed last. */
  steady: number;
}

const FIRST = 65536;
const GROW_AFTER = 2000;

/** The scale that a run begins with: 1 where nothing is f16. */
export const firstLossScale = (activation: 'f16' | 'f32'): LossScale => ({
  lossScale: activation === 'f16' ? FIRST : 1,
  steady: 0,
});

/** The scale after a step: halved where its gradients overflowed, doubled after 2,000 that did not. Below 1 gradients themselves are not finite. */
export function nextLossScale(
  { lossScale, steady }: LossScale,
  updated: boolean,
  activation: 'f16' | 'f32',
): LossScale {
  if (!updated) return { lossScale: lossScale / 2, steady: 0 };
  if (activation === 'f32') return { lossScale, steady };
  return steady + 1 < GROW_AFTER ? { lossScale, steady: steady + 1 } : { lossScale: lossScale * 2, steady: 0 };
}
