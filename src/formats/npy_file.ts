/** .npy files on disk, in Node and Deno. */
import { writeFiles } from './atomic_file.ts';
import { openFile } from './file_source.ts';
import { npyHeader, readNpy } from './npy.ts';

/** Writes float32 `values`, row-major in `shape`, under a temporary name first: a file is whole or not there. */
export async function writeNpyFile(path: string, values: Float32Array, shape: readonly number[]): Promise<void> {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== values.length) throw new Error(`${values.length} values do not make [${shape}]`);
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  await writeFiles([{ path, chunks: [npyHeader(shape), data] }]);
}

/** Reads a float32 .npy file whole. */
export async function readNpyFile(path: string): Promise<{ values: Float32Array<ArrayBuffer>; shape: number[] }> {
  const file = await openFile(path);
  try {
    return readNpy(await file.read(0, file.size), path);
  } finally {
    await file.close();
  }
}
