/** The specification of pool in float64, forward and backward. */

/** h [T, C], starts [S + 1] -> y [S, C], each the last row of its sequence. */
export function poolLastRef(h: ArrayLike<number>, starts: ArrayLike<number>, C: number): Float64Array {
  const S = starts.length - 1;
  return Float64Array.from({ length: S * C }, (_, i) => h[(starts[Math.floor(i / C) + 1] - 1) * C + (i % C)]);
}

/** dy [S, C] -> dh [T, C]: zero but for the last rows. */
export function poolLastBackwardRef(dy: ArrayLike<number>, starts: ArrayLike<number>, C: number): Float64Array {
  const S = starts.length - 1;
  const dh = new Float64Array(starts[S] * C);
  for (let s = 0; s < S; s++) for (let c = 0; c < C; c++) dh[(starts[s + 1] - 1) * C + c] = dy[s * C + c];
  return dh;
}

/** h [T, C], starts [S + 1] -> y [S, C], each the mean of its sequence's rows. */
export function poolMeanRef(h: ArrayLike<number>, starts: ArrayLike<number>, C: number): Float64Array {
  const S = starts.length - 1;
  const y = new Float64Array(S * C);
  for (let s = 0; s < S; s++)
    for (let row = starts[s]; row < starts[s + 1]; row++)
      for (let c = 0; c < C; c++) y[s * C + c] += h[row * C + c] / (starts[s + 1] - starts[s]);
  return y;
}

/** dy [S, C] -> dh [T, C]: every row of a sequence gets an equal share. */
export function poolMeanBackwardRef(dy: ArrayLike<number>, starts: ArrayLike<number>, C: number): Float64Array {
  const S = starts.length - 1;
  const dh = new Float64Array(starts[S] * C);
  for (let s = 0; s < S; s++)
    for (let row = starts[s]; row < starts[s + 1]; row++)
      for (let c = 0; c < C; c++) dh[row * C + c] = dy[s * C + c] / (starts[s + 1] - starts[s]);
  return dh;
}
