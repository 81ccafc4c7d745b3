/** A ByteSource over a Blob: a file that a user dropped on the page, or a cached response. */
import { UserError } from '../errors.ts';
import { checkRange } from './bytes_source.ts';
import type { ByteSource } from './source.ts';

/** Reads ranges of a Blob; nothing is read before it is asked for. `name` is for messages. */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      checkRange(this, offset, length);
      try {
        return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      } catch (error) {
        // A File whose bytes changed on disk since the user chose it can no longer be read.
        throw new UserError(`${name}: cannot be read any more (${(error as Error).message}); choose the file again`);
      }
    },
  };
}
