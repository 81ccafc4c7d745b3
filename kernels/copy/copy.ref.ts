/** The specification of copy: rows from .. from + M of x [.., C] over those of y from `to` on. */
export function copyRef(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  C: number,
  M: number,
  from: number,
  to: number,
): Float64Array {
  const out = Float64Array.from(y);
  for (let i = 0; i < M * C; i++) out[to * C + i] = x[from * C + i];
  return out;
}
