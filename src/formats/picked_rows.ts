/** Some rows of a stored matrix as a matrix of their own: of an embedding, those of the tokens that texts have. */
import { checkRange } from './bytes_source.ts';
import type { ByteSource } from './source.ts';
import type { StoredDense } from './stored.ts';

/** The rows that `rows` numbers, in its order: [rows.length, K] of [N, K]. Nothing else of the file is read. */
export function pickRows(stored: StoredDense, rows: Uint32Array): StoredDense {
  const { data, shape } = stored;
  const rowBytes = data.length / shape[0];
  const source: ByteSource = {
    name: data.source.name,
    size: rows.length * rowBytes,
    async read(offset, length) {
      checkRange(this, offset, length);
      const bytes = new Uint8Array(length);
      for (let at = offset; at < offset + length; ) {
        const row = Math.floor(at / rowBytes);
        const inside = at - row * rowBytes;
        // Rows that lie behind each other are one read.
        let end = row + 1;
        while (end * rowBytes < offset + length && rows[end] === rows[end - 1] + 1) end++;
        const count = Math.min(end * rowBytes, offset + length) - at;
        bytes.set(await data.source.read(data.offset + rows[row] * rowBytes + inside, count), at - offset);
        at += count;
      }
      return bytes;
    },
  };
  const picked = [rows.length, ...shape.slice(1)];
  return { ...stored, shape: picked, data: { ...data, shape: picked, source, offset: 0, length: source.size } };
}
