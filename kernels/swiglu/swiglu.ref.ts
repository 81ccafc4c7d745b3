/** The specification of swiglu in float64, forward and backward. */

/** gateUp [T, 2 F] -> y [T, F]. */
export function swigluRef(gateUp: ArrayLike<number>, T: number, F: number, scale = 1): Float64Array {
  const y = new Float64Array(T * F);
  for (let t = 0; t < T; t++)
    for (let f = 0; f < F; f++) {
      const gate = gateUp[2 * t * F + f];
      y[t * F + f] = gate * sigmoid(gate) * gateUp[(2 * t + 1) * F + f] * scale;
    }
  return y;
}

/** dy [T, F] -> the gradient of gateUp [T, 2 F]. With s = sigmoid(g): d silu = s (1 + g (1 - s)). */
export function swigluBackwardRef(
  gateUp: ArrayLike<number>,
  dy: ArrayLike<number>,
  T: number,
  F: number,
  scale = 1,
): Float64Array {
  const d = new Float64Array(2 * T * F);
  for (let t = 0; t < T; t++)
    for (let f = 0; f < F; f++) {
      const [g, u] = [2 * t * F + f, (2 * t + 1) * F + f];
      const s = sigmoid(gateUp[g]);
      const dOut = dy[t * F + f] * scale;
      d[g] = dOut * gateUp[u] * s * (1 + gateUp[g] * (1 - s));
      d[u] = dOut * gateUp[g] * s;
    }
  return d;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
