/** The specification of embed in float64, forward and backward. */

/** ids [T], table [vocab, C] -> h [T, C]. */
export function embedRef(ids: ArrayLike<number>, table: ArrayLike<number>, C: number): Float64Array {
  return Float64Array.from({ length: ids.length * C }, (_, i) => table[ids[Math.floor(i / C)] * C + (i % C)]);
}

/** dh [T, C] -> the gradient of the table [vocab, C]: a token's gradients add up. */
export function embedBackwardRef(
  ids: ArrayLike<number>,
  dh: ArrayLike<number>,
  vocab: number,
  C: number,
): Float64Array {
  const d = new Float64Array(vocab * C);
  for (let i = 0; i < ids.length * C; i++) d[ids[Math.floor(i / C)] * C + (i % C)] += dh[i];
  return d;
}
