/** The specification of rms_norm in float64, forward and backward. */

/** x [M, C], weight [C] -> y [M, C]. */
export function rmsNormRef(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  M: number,
  C: number,
  eps: number,
): Float64Array {
  const y = new Float64Array(M * C);
  for (let m = 0; m < M; m++) {
    const scale = inverseRms(x, m, C, eps);
    for (let c = 0; c < C; c++) y[m * C + c] = x[m * C + c] * scale * weight[c];
  }
  return y;
}

/** dy [M, C] -> dx [M, C], dweight [C]. With n = x * scale: dx = scale * (g - n * mean(g * n)), g = dy * weight. */
export function rmsNormBackwardRef(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  dy: ArrayLike<number>,
  M: number,
  C: number,
  eps: number,
): { dx: Float64Array; dweight: Float64Array } {
  const dx = new Float64Array(M * C);
  const dweight = new Float64Array(C);
  for (let m = 0; m < M; m++) {
    const scale = inverseRms(x, m, C, eps);
    let mean = 0;
    for (let c = 0; c < C; c++) mean += (dy[m * C + c] * weight[c] * x[m * C + c] * scale) / C;
    for (let c = 0; c < C; c++) {
      const i = m * C + c;
      dx[i] = scale * (dy[i] * weight[c] - x[i] * scale * mean);
      dweight[c] += dy[i] * x[i] * scale;
    }
  }
  return { dx, dweight };
}

function inverseRms(x: ArrayLike<number>, m: number, C: number, eps: number): number {
  let sum = 0;
  for (let c = 0; c < C; c++) sum += x[m * C + c] ** 2;
  return 1 / Math.sqrt(sum / C + eps);
}
