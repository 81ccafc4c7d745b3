/**
 * A stored weight as rows of f32, whatever its format, a few megabytes at a time: what merging, quantising and
 * exporting walk over, so that memory is bounded by a chunk (by one packed matrix with GPTQ and AWQ, which do not lie
 * row by row).
 */
import { UserError } from '../errors.ts';
import { unpackDense } from './dequantize.ts';
import { loadInt4, scaleAt } from './int4.ts';
import { quote } from './quote.ts';
import type { StoredDense, StoredLinear } from './stored.ts';

/** The rows of one weight; a vector of n numbers is n rows of one. */
export interface WeightRows {
  readonly path: string;
  readonly rows: number;
  readonly columns: number;
  /** Rows begin..end, row-major, act-order undone. UserError where a value is NaN or infinite. */
  read(begin: number, end: number): Promise<Float32Array<ArrayBuffer>>;
}

/** Numbers in a chunk: 4 MiB of f32. */
const CHUNK = 1 << 20;

/** Rows from `first`, consecutive, together all rows of the weight. */
export interface RowChunk {
  readonly first: number;
  readonly count: number;
}

/** Cuts a matrix into chunks of whole rows. */
export function* rowChunks({ rows, columns }: { rows: number; columns: number }): Generator<RowChunk> {
  const most = Math.max(1, Math.floor(CHUNK / columns));
  for (let first = 0; first < rows; first += most) yield { first, count: Math.min(most, rows - first) };
}

/** The rows of a stored linear, embedding, norm or bias. Packed matrices are read here, others as rows are asked for. */
export async function openRows(stored: StoredLinear | StoredDense): Promise<WeightRows> {
  const { path } = stored;
  if (stored.kind === 'gptq' || stored.kind === 'awq') return openInt4Rows(stored);
  const [rows, columns] = 'N' in stored ? [stored.N, stored.K] : [stored.shape[0], stored.shape[1] ?? 1];
  return {
    path,
    rows,
    columns,
    async read(begin, end) {
      const values = await unpackDense(stored, begin, end);
      checkFinite(values, `${stored.data.source.name}: ${quote(stored.data.name)}`, begin * columns);
      return values;
    },
  };
}

async function openInt4Rows(stored: StoredLinear & { kind: 'gptq' | 'awq' }): Promise<WeightRows> {
  const { path, N, K, group } = stored;
  const source = await loadInt4(stored);
  const groupOf = source.gIdx ?? Int32Array.from({ length: K }, (_, k) => Math.floor(k / group));
  const scales = new Float64Array(source.groups);
  const zeros = new Float64Array(source.groups);
  return {
    path,
    rows: N,
    columns: K,
    async read(begin, end) {
      const values = new Float32Array((end - begin) * K);
      for (let n = begin, i = 0; n < end; n++) {
        for (let g = 0; g < source.groups; g++) {
          scales[g] = scaleAt(source, g, n);
          zeros[g] = source.zeroAt(g, n);
        }
        for (let k = 0; k < K; k++, i++) {
          const g = groupOf[k];
          values[i] = scales[g] * (source.codeAt(n, k) - zeros[g]);
        }
      }
      checkFinite(values, `${stored.scales.source.name}: ${quote(stored.scales.name)}`, begin * K);
      return values;
    },
  };
}

function checkFinite(values: Float32Array, where: string, first: number): void {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i]))
      throw new UserError(`${where} makes weight ${first + i} ${values[i]}; the file is damaged`);
}
