/** The specification of permute_columns, forward (a gather) and backward (a scatter). */

/** y[m, k] = x[m, perm[k]] */
export function permuteColumnsRef(x: ArrayLike<number>, perm: ArrayLike<number>, M: number, K: number): Float64Array {
  return Float64Array.from({ length: M * K }, (_, i) => x[i - (i % K) + perm[i % K]]);
}

/** dx[m, perm[k]] = dy[m, k] */
export function permuteColumnsBackwardRef(
  dy: ArrayLike<number>,
  perm: ArrayLike<number>,
  M: number,
  K: number,
): Float64Array {
  const dx = new Float64Array(M * K);
  for (let m = 0; m < M; m++) for (let k = 0; k < K; k++) dx[m * K + perm[k]] += dy[m * K + k];
  return dx;
}
