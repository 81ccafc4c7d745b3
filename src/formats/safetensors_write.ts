/**
 * Streams a safetensors file to disk, tensor by tensor, so that a model larger than the memory can be written: under
 * a temporary name first, then renamed. safetensors.ts makes the header, and small files in memory.
 */
import { type FileToWrite, writeFiles } from './atomic_file.ts';
import { layOutSafetensors, type TensorHeading } from './safetensors.ts';

/** A tensor to be streamed: its bytes at once, or a function that makes them when their turn comes. */
export interface TensorToStream extends TensorHeading {
  readonly data: ArrayBufferView | (() => AsyncIterable<ArrayBufferView> | Iterable<ArrayBufferView>);
}

/**
 * Writes a safetensors file that every reader of the format opens: deterministic bytes whatever the order of
 * `tensors`, the data 8-byte aligned. Nothing is left under `path` where it fails. UserError for a disk that is full
 * and the like; an Error where a tensor's bytes are not as many as its shape says.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToStream[],
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await writeFiles([safetensorsFile(path, tensors, metadata)]);
}

/** The same as a file for writeFiles, to be written together with others. */
export function safetensorsFile(
  path: string,
  tensors: readonly TensorToStream[],
  metadata?: Readonly<Record<string, string>>,
): FileToWrite {
  const layout = layOutSafetensors(tensors, metadata);
  return { path, chunks: chunks() };

  async function* chunks() {
    yield layout.head;
    for (const { tensor, length } of layout.tensors) {
      const { name, dtype, shape, data } = tensor;
      let written = 0;
      for await (const view of ArrayBuffer.isView(data) ? [data] : data()) {
        written += view.byteLength;
        yield new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      }
      if (written !== length) throw new Error(`${name}: ${written} bytes for ${dtype} [${shape}]`);
    }
  }
}
