/**
 * Two models of one shape, interpolated on the sphere tensor by tensor (Shoemake 1985, "Animating rotation with
 * quaternion curves"): with θ the angle between the tensors as vectors, sin((1−t)θ)/sin θ of the first and
 * sin(tθ)/sin θ of the second. Where they are nearly parallel sin θ has no digits left, and the straight line is
 * the same: 1 − t and t.
 */
import type { Checkpoint } from '../formats/stored.ts';
import { rowChunks, type WeightRows } from '../formats/weight_rows.ts';
import { combineModels } from './matching_weights.ts';
import type { ModelWeights } from './weights.ts';

/** |cos θ| from which on two tensors count as parallel (or opposite, where no arc is shorter than another). */
const PARALLEL = 0.9995;

/** The weights at t of the way from `a` (0) to `b` (1). UserError, naming setting or tensor, where the two do not match. */
export function slerp(a: Checkpoint, b: Checkpoint, t: number): Promise<ModelWeights> {
  return combineModels([a, b], ([x, y]) => between(x, y, t));
}

/** What each of two vectors is multiplied by, from their scalar products. */
export function slerpFactors(dot: number, aa: number, bb: number, t: number): [number, number] {
  const cosine = dot / Math.sqrt(aa * bb);
  // Not a number where one is zero, which has no direction.
  if (!(Math.abs(cosine) < PARALLEL)) return [1 - t, t];
  const angle = Math.acos(cosine);
  return [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
}

async function between(a: WeightRows, b: WeightRows, t: number): Promise<WeightRows> {
  let [dot, aa, bb] = [0, 0, 0];
  for (const { first, count } of rowChunks(a)) {
    const [x, y] = [await a.read(first, first + count), await b.read(first, first + count)];
    for (let i = 0; i < x.length; i++) {
      dot += x[i] * y[i];
      aa += x[i] * x[i];
      bb += y[i] * y[i];
    }
  }
  const [fa, fb] = slerpFactors(dot, aa, bb, t);
  return {
    ...a,
    async read(begin, end) {
      const [x, y] = [await a.read(begin, end), await b.read(begin, end)];
      for (let i = 0; i < x.length; i++) x[i] = fa * x[i] + fb * y[i];
      return x;
    },
  };
}
