/** The specification of l2_normalize in float64, forward and backward. */

const LEAST = 1e-12;

/** x [S, C] -> y [S, C]. */
export function l2NormalizeRef(x: ArrayLike<number>, S: number, C: number): Float64Array {
  const y = new Float64Array(S * C);
  for (let s = 0; s < S; s++) {
    const norm = Math.max(length(x, s, C), LEAST);
    for (let c = 0; c < C; c++) y[s * C + c] = x[s * C + c] / norm;
  }
  return y;
}

/** dy [S, C] -> dx [S, C]: what lies along y is taken out, and the rest scaled; below the least length, scaled only. */
export function l2NormalizeBackwardRef(
  x: ArrayLike<number>,
  dy: ArrayLike<number>,
  S: number,
  C: number,
): Float64Array {
  const dx = new Float64Array(S * C);
  const y = l2NormalizeRef(x, S, C);
  for (let s = 0; s < S; s++) {
    const norm = length(x, s, C);
    let along = 0;
    if (norm > LEAST) for (let c = 0; c < C; c++) along += y[s * C + c] * dy[s * C + c];
    for (let c = 0; c < C; c++) dx[s * C + c] = (dy[s * C + c] - along * y[s * C + c]) / Math.max(norm, LEAST);
  }
  return dx;
}

function length(x: ArrayLike<number>, s: number, C: number): number {
  let sum = 0;
  for (let c = 0; c < C; c++) sum += x[s * C + c] ** 2;
  return Math.sqrt(sum);
}
