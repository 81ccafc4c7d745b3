/** f32 numbers in the dtype they are written in, refused where it cannot hold them. */
import { UserError } from '../errors.ts';
import { toHalf } from '../half.ts';
import { toBf16 } from './bits.ts';

/** The dtypes that weights are written in. */
export type FloatDtype = 'F32' | 'F16' | 'BF16';

/**
 * `values` rounded to the nearest of `dtype`, ties to even. UserError, opening with `name`, where one is NaN, infinite
 * or rounds to infinity.
 */
export function narrow(values: Float32Array, dtype: FloatDtype, name: string): Float32Array | Uint16Array {
  const limit = dtype === 'F16' ? 65520 : dtype === 'BF16' ? 2 ** 128 - 2 ** 119 : Number.POSITIVE_INFINITY;
  const round = dtype === 'F16' ? toHalf : toBf16;
  const out = dtype === 'F32' ? values : new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!(Math.abs(value) < limit))
      throw new UserError(`${name}: value ${i} is ${value}, which ${dtype} cannot hold; not written`);
    if (dtype !== 'F32') out[i] = round(value);
  }
  return out;
}
