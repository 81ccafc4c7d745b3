/** The specification of top_k. It picks, so its gradient is that of the picked scores: nothing to derive. */

/** The columns of the k largest of each row of scores [Q, P], largest first, ties by column; 0xffffffff beyond P. */
export function topKRef(scores: ArrayLike<number>, Q: number, P: number, k: number): Uint32Array {
  const out = new Uint32Array(Q * k).fill(0xffffffff);
  for (let q = 0; q < Q; q++) {
    const order = Array.from({ length: P }, (_, p) => p).sort((a, b) => scores[q * P + b] - scores[q * P + a] || a - b);
    out.set(order.slice(0, k), q * k);
  }
  return out;
}
