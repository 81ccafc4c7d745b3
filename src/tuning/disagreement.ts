/** Whether two plans of one shape computed the same. */
import type { LinearShape } from '../../kernels/linear/linear.types.ts';

const EPS = { f16: 2 ** -11, f32: 2 ** -24 };

/**
 * What is wrong with `got` beside `expected`, both outputs of random operands whose sums are near one; undefined where
 * roundings explain it. They add up as their root does: each form rounds operands or short chains of products to f16
 * where x is f16, its sums to f32, and y. One k too few of 4096 is off by 1/64 of what y deviates by, and is found.
 */
export function disagreement(s: LinearShape, expected: Float32Array, got: Float32Array): string | undefined {
  let [size, off] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    size += expected[i] ** 2;
    off += (expected[i] - got[i]) ** 2;
  }
  const operands = s.x === 'f16' && s.w !== 'f32' ? 8 * EPS.f16 : 8 * EPS.f32;
  const share = operands + 4 * Math.sqrt(s.K) * EPS.f32 + 2 * EPS[s.y];
  const deviation = Math.sqrt(size / expected.length);
  const rms = Math.sqrt(off / size);
  // NaN must be found, so the question is "not within", never "beyond".
  if (!(rms <= share))
    return `differs from the static plan by ${percent(rms)} of y, and rounding explains ${percent(share)}`;
  const worst = got.findIndex(
    (v, i) => !(Math.abs(v - expected[i]) <= 8 * share * deviation + 2 * EPS[s.y] * Math.abs(expected[i])),
  );
  return worst < 0 ? undefined : `output ${worst} is ${got[worst]}, and the static plan's ${expected[worst]}`;
}

const percent = (share: number): string => `${(100 * share).toPrecision(2)} %`;
