/**
 * The rows of q and k in a llama-architecture GGUF, from and back to Hugging Face's order. The converter reorders the rows
 * of each head for interleaved RoPE: of a head's D rows, row h·D/2 + j (h = 0, 1) went to row 2j + h.
 */
import { checkRange } from './bytes_source.ts';
import type { ByteSource } from './source.ts';
import type { TensorInfo } from './tensor.ts';
import type { WeightRows } from './weight_rows.ts';

/** The same tensor with rows in half-split order, whatever range of it is read. `headDim` divides its rows. */
export function unpermuteRows(tensor: TensorInfo, headDim: number): TensorInfo {
  const rows = tensor.shape[0];
  const rowBytes = tensor.length / rows;
  const headBytes = rowBytes * headDim;
  const source: ByteSource = {
    name: tensor.source.name,
    size: tensor.length,
    async read(offset, length) {
      checkRange(this, offset, length);
      // Rows move inside their head only, so the heads that the range touches hold all of it.
      const begin = Math.floor(offset / headBytes) * headBytes;
      const end = Math.min(Math.ceil((offset + length) / headBytes) * headBytes, tensor.length);
      const stored = await tensor.source.read(tensor.offset + begin, end - begin);
      const bytes = new Uint8Array(length);
      for (let at = offset; at < offset + length; ) {
        const row = Math.floor(at / rowBytes);
        const inside = at - row * rowBytes;
        const count = Math.min(rowBytes - inside, offset + length - at);
        const from = storedRow(row, headDim) * rowBytes + inside - begin;
        bytes.set(stored.subarray(from, from + count), at - offset);
        at += count;
      }
      return bytes;
    },
  };
  return { ...tensor, source, offset: 0 };
}

/** Where the converter put row `row` of the Hugging Face order. */
function storedRow(row: number, headDim: number): number {
  const inHead = row % headDim;
  const half = headDim / 2;
  return row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
}

/** A q or k weight with its rows as a llama-architecture GGUF stores them. `headDim` divides its rows. */
export function permuteRows(weight: WeightRows, headDim: number): WeightRows {
  const { columns } = weight;
  return {
    ...weight,
    async read(begin, end) {
      const first = Math.floor(begin / headDim) * headDim;
      const last = Math.min(Math.ceil(end / headDim) * headDim, weight.rows);
      const values = await weight.read(first, last);
      const out = new Float32Array((end - begin) * columns);
      for (let row = first; row < last; row++) {
        const to = storedRow(row, headDim);
        if (to < begin || to >= end) continue;
        const from = (row - first) * columns;
        out.set(values.subarray(from, from + columns), (to - begin) * columns);
      }
      return out;
    },
  };
}
