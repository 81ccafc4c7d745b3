/** A or B of an adapter as numbers. */
import { UserError } from '../errors.ts';
import { unpackDense } from './dequantize.ts';
import { quote } from './quote.ts';
import type { TensorInfo } from './tensor.ts';

/** All values in f32, row-major, exact. UserError, naming file and tensor, where one is NaN or infinite. */
export async function readMatrix(data: TensorInfo): Promise<Float32Array<ArrayBuffer>> {
  const dtype = data.dtype as 'F32' | 'F16' | 'BF16';
  const values = await unpackDense({ kind: 'dense', path: data.name, shape: data.shape, dtype, data });
  if (!values.every(Number.isFinite))
    throw new UserError(
      `${data.source.name}: ${quote(data.name)} holds numbers that are not finite; the file is damaged`,
    );
  return values;
}
