/** A ByteSource over HTTP: a model's header is read before the model is downloaded. */
import { UserError } from '../../src/errors.ts';
import { checkRange } from '../../src/formats/bytes_source.ts';
import type { ByteSource } from '../../src/formats/source.ts';
import { type RequestBytes, startOf } from '../../src/formats/transfer.ts';

/** Reads by asking from the offset on and hanging up when it has enough. */
export function remoteSource(name: string, size: number, request: RequestBytes): ByteSource {
  return {
    name,
    size,
    async read(offset, length) {
      checkRange(this, offset, length);
      const abort = new AbortController();
      const out = new Uint8Array(length);
      try {
        const response = await request(offset, abort.signal);
        // A server without ranges sends the file from its beginning.
        let at = startOf(response) - offset;
        const reader = response.body?.getReader();
        while (at < length) {
          const next = await reader?.read();
          if (!next || next.done) throw new UserError(`${name}: ended at byte ${offset + at} of ${size}: try again`);
          const { value } = next;
          const skip = Math.max(0, -at);
          if (skip < value.length) out.set(value.subarray(skip, skip + length - Math.max(0, at)), Math.max(0, at));
          at += value.length;
        }
        return out;
      } finally {
        abort.abort();
      }
    },
  };
}
