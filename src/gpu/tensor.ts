/** A tensor is a named, typed, row-major stretch of a GPU buffer, of the whole of it or of a part. It computes nothing. */

export type DType = 'f32' | 'f16' | 'u32';
export const BYTES: Record<DType, number> = { f32: 4, f16: 2, u32: 4 };

export interface Tensor {
  readonly label: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly buffer: GPUBuffer;
  /** Byte of the buffer at which a view begins, a multiple of 256; absent where the tensor owns its buffer. */
  readonly offset?: number;
  /** Bytes used, a multiple of 4. */
  readonly bytes: number;
}

/** Elements in a shape. */
export const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Bytes of a tensor, rounded up to a multiple of 16 so that vec4 bindings of odd sizes stay whole. */
export const tensorBytes = (dtype: DType, shape: readonly number[]): number =>
  Math.max(16, Math.ceil((elements(shape) * BYTES[dtype]) / 16) * 16);
