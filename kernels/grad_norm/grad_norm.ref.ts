/** The specification of grad_norm in float64. It measures gradients and is not itself differentiated. */

export interface GradStats {
  norm: number;
  finite: boolean;
  /** What every gradient is multiplied by before the optimiser sees it. */
  factor: number;
  /** Elements that are NaN or infinite. */
  broken: number;
}

/** Over the finite elements of g, which carry `lossScale`; `clip` 0 is no clipping. */
export function gradNormRef(g: ArrayLike<number>, lossScale: number, clip: number): GradStats {
  let sum = 0;
  let broken = 0;
  for (let i = 0; i < g.length; i++) {
    if (Number.isFinite(g[i])) sum += (g[i] / lossScale) ** 2;
    else broken++;
  }
  const norm = Math.sqrt(sum);
  const factor = (clip > 0 ? Math.min(1, clip / (norm + 1e-6)) : 1) / lossScale;
  return { norm, finite: broken === 0, factor, broken };
}
