/** The specification of similarity in float64, forward and backward. */

/** queries [Q, C], passages [P, C] -> y [Q, P]. */
export function similarityRef(
  queries: ArrayLike<number>,
  passages: ArrayLike<number>,
  Q: number,
  P: number,
  C: number,
): Float64Array {
  const y = new Float64Array(Q * P);
  for (let q = 0; q < Q; q++)
    for (let p = 0; p < P; p++) for (let c = 0; c < C; c++) y[q * P + p] += queries[q * C + c] * passages[p * C + c];
  return y;
}

/** dy [Q, P] -> dqueries = dy · passages, dpassages = dyᵀ · queries. */
export function similarityBackwardRef(
  queries: ArrayLike<number>,
  passages: ArrayLike<number>,
  dy: ArrayLike<number>,
  Q: number,
  P: number,
  C: number,
): { dqueries: Float64Array; dpassages: Float64Array } {
  const dqueries = new Float64Array(Q * C);
  const dpassages = new Float64Array(P * C);
  for (let q = 0; q < Q; q++)
    for (let p = 0; p < P; p++)
      for (let c = 0; c < C; c++) {
        dqueries[q * C + c] += dy[q * P + p] * passages[p * C + c];
        dpassages[p * C + c] += dy[q * P + p] * queries[q * C + c];
      }
  return { dqueries, dpassages };
}
