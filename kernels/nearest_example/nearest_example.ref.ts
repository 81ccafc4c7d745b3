/** The specification of nearest_example in float64. It is no part of a loss, and has no gradient. */

/** scores [Q, N], similar [Q, E] -> [Q, N]; `first`, `origin` and `own` as nearest_example.wgsl has them. */
export function nearestExampleRef(
  scores: ArrayLike<number>,
  similar: ArrayLike<number>,
  { first, origin, own }: Record<'first' | 'origin' | 'own', ArrayLike<number>>,
  weight: number,
): Float64Array {
  const [Q, N, E] = [own.length, first.length - 1, origin.length];
  return Float64Array.from({ length: Q * N }, (_, i) => {
    const [q, n] = [Math.floor(i / N), i % N];
    let best = Number.NEGATIVE_INFINITY;
    for (let e = first[n]; e < first[n + 1]; e++) if (origin[e] !== own[q]) best = Math.max(best, similar[q * E + e]);
    return best === Number.NEGATIVE_INFINITY ? scores[i] : (1 - weight) * scores[i] + weight * best;
  });
}
