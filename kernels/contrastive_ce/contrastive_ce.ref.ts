/** The specification of contrastive_ce in float64, forward and backward. */

export interface ContrastiveRef {
  loss: number;
  /** [Q, P], the scaled cosines */
  scores: Float64Array;
  /** [Q, C] and [P, C]: the gradients of the loss */
  dqueries: Float64Array;
  dpassages: Float64Array;
}

/** queries [Q, C], passages [P, C], targets [Q]; Q is targets.length. */
export function contrastiveCeRef(
  queries: ArrayLike<number>,
  passages: ArrayLike<number>,
  targets: ArrayLike<number>,
  C: number,
  scale: number,
): ContrastiveRef {
  const Q = targets.length;
  const P = passages.length / C;
  const scores = new Float64Array(Q * P);
  const dqueries = new Float64Array(Q * C);
  const dpassages = new Float64Array(P * C);
  let loss = 0;
  for (let q = 0; q < Q; q++) {
    const row = scores.subarray(q * P, (q + 1) * P);
    for (let p = 0; p < P; p++) {
      for (let c = 0; c < C; c++) row[p] += scale * queries[q * C + c] * passages[p * C + c];
    }
    const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = row.reduce((total, s) => total + Math.exp(s - largest), 0);
    loss += (largest - row[targets[q]] + Math.log(sum)) / Q;
    for (let p = 0; p < P; p++) {
      const d = (scale / Q) * (Math.exp(row[p] - largest) / sum - (p === targets[q] ? 1 : 0));
      for (let c = 0; c < C; c++) {
        dqueries[q * C + c] += d * passages[p * C + c];
        dpassages[p * C + c] += d * queries[q * C + c];
      }
    }
  }
  return { loss, scores, dqueries, dpassages };
}
