/** The specification of rope in float64, forward and backward. */

export interface RopeShape {
  heads: number;
  kvHeads: number;
  headDim: number;
  theta: number;
}

/** qkv [T, (heads + 2 kvHeads) headDim] -> the same with q and k rotated. */
export const ropeRef = (qkv: ArrayLike<number>, positions: ArrayLike<number>, s: RopeShape): Float64Array =>
  rotate(qkv, positions, s, 1);

/** The gradient of the rotated tensor -> that of the tensor before: a rotation's transpose turns back. */
export const ropeBackwardRef = (dy: ArrayLike<number>, positions: ArrayLike<number>, s: RopeShape): Float64Array =>
  rotate(dy, positions, s, -1);

function rotate(x: ArrayLike<number>, positions: ArrayLike<number>, s: RopeShape, sign: number): Float64Array {
  const { heads, kvHeads, headDim: D, theta } = s;
  const y = Float64Array.from(x);
  for (let t = 0; t < positions.length; t++)
    for (let head = 0; head < heads + kvHeads; head++)
      for (let i = 0; i < D / 2; i++) {
        const angle = sign * positions[t] * theta ** ((-2 * i) / D);
        const [c, n] = [Math.cos(angle), Math.sin(angle)];
        const low = (t * (heads + 2 * kvHeads) + head) * D + i;
        const high = low + D / 2;
        y[low] = x[low] * c - x[high] * n;
        y[high] = x[high] * c + x[low] * n;
      }
  return y;
}
