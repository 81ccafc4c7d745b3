/** What a container's reader makes of its tensors, and the checks on them that both containers share. */
import { UserError } from '../errors.ts';
import { quote } from './quote.ts';
import type { StoredDense, StoredLinear } from './stored.ts';
import type { TensorInfo } from './tensor.ts';

/** All weights of a model by canonical path. */
export interface Weights {
  readonly linears: ReadonlyMap<string, StoredLinear>;
  readonly dense: ReadonlyMap<string, StoredDense>;
}

/** UserError, naming file and tensor, where a tensor has another dtype or shape than it must have. */
export function checkTensor(tensor: TensorInfo, dtype: TensorInfo['dtype'], shape: readonly number[]): TensorInfo {
  if (tensor.dtype !== dtype)
    throw new UserError(`${tensor.source.name}: ${quote(tensor.name)} is ${tensor.dtype}; ${dtype} was expected`);
  checkShape(tensor, shape);
  return tensor;
}

/** A tensor of this shape as plain numbers or ggml blocks, under the canonical path. */
export function storedDense(path: string, tensor: TensorInfo, shape: readonly number[]): StoredDense {
  checkShape(tensor, shape);
  switch (tensor.dtype) {
    case 'F32':
    case 'F16':
    case 'BF16':
      return { path, shape, kind: 'dense', dtype: tensor.dtype, data: tensor };
    case 'Q4_0':
    case 'Q4_1':
    case 'Q8_0':
    case 'Q4_K':
    case 'Q6_K':
      return { path, shape, kind: 'ggml', type: tensor.dtype, data: tensor };
    default:
      throw new UserError(
        `${tensor.source.name}: ${quote(tensor.name)} is ${tensor.dtype}; supported are F32, F16, BF16 and 4-bit GPTQ and AWQ`,
      );
  }
}

/** A linear whose weight lies as [N, K], plain or in ggml blocks. */
export function storedLinear(path: string, tensor: TensorInfo, N: number, K: number, bias?: StoredDense): StoredLinear {
  const { shape: _, ...dense } = storedDense(path, tensor, [N, K]);
  return { ...dense, N, K, bias };
}

function checkShape(tensor: TensorInfo, shape: readonly number[]): void {
  if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i]))
    throw new UserError(
      `${tensor.source.name}: ${quote(tensor.name)} is ${quote(tensor.shape)}; by the model's config it must be ${quote(shape)}`,
    );
}
