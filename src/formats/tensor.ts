/**
 * A tensor as a file holds it: what it is called, what its bytes mean and where they lie. Every container
 * (safetensors, GGUF) is read into these, and nothing below a loader ever holds more of a tensor than the
 * range it asks for.
 */
import type { ByteSource } from './source.ts';

/** Element types of the safetensors format that have a fixed number of whole bytes. */
export type SafetensorsDtype =
  | 'BOOL'
  | 'U8'
  | 'I8'
  | 'F8_E4M3'
  | 'F8_E5M2'
  | 'U16'
  | 'I16'
  | 'F16'
  | 'BF16'
  | 'U32'
  | 'I32'
  | 'F32'
  | 'U64'
  | 'I64'
  | 'F64';

/** The block-quantised ggml types this project reads. */
export type GgmlType = 'Q4_0' | 'Q4_1' | 'Q8_0' | 'Q4_K' | 'Q6_K';

/** One tensor inside a file. */
export interface TensorInfo {
  /** Its name in the file, as error messages give it. */
  readonly name: string;
  readonly dtype: SafetensorsDtype | GgmlType;
  /** Row-major, outermost first: [N, K] for a linear layer's weight, whatever order the file counts in. */
  readonly shape: readonly number[];
  readonly source: ByteSource;
  /** Where its first byte lies in `source`; not aligned to anything. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** Reads `length` bytes of a tensor from its byte `begin`, into a buffer of their own (so that typed views align). */
export async function readTensor(
  tensor: TensorInfo,
  begin = 0,
  length = tensor.length - begin,
): Promise<Uint8Array<ArrayBuffer>> {
  if (begin < 0 || length < 0 || begin + length > tensor.length)
    throw new RangeError(`bytes ${begin}..${begin + length} of ${tensor.name}, which has ${tensor.length}`);
  const bytes = await tensor.source.read(tensor.offset + begin, length);
  if (bytes.byteOffset === 0 && bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength === length)
    return bytes as Uint8Array<ArrayBuffer>;
  return new Uint8Array(bytes);
}
