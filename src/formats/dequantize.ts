/**
 * The numbers in stored weights, on the CPU, in float64 straight from the raw bits: the specification that the
 * GPU's repack kernels are tested against, and not a fast path. The int4 run-time layout is next door, pack_q4.ts.
 */
import { UserError } from '../errors.ts';
import { fromHalf } from '../half.ts';
import { fromBf16 } from './bits.ts';
import { ggmlLayout } from './ggml.ts';
import { decodeQ4Block, decodeQ6Block, decodeQ8Block, newQ4Block, Q4_GROUP } from './ggml_blocks.ts';
import { loadInt4, scaleAt } from './int4.ts';
import { quote } from './quote.ts';
import type { StoredDense, StoredLinear } from './stored.ts';
import { readTensor, type TensorInfo } from './tensor.ts';

export { type PackedQ4, packQ4, quantizeQ4, unpackQ4 } from './pack_q4.ts';

/**
 * All values in float64, row-major, exact: [N, K] of a linear (in the model's k order, act-order undone), or the
 * shape of a dense tensor. UserError where one is NaN or infinite.
 */
export async function dequantize(stored: StoredLinear | StoredDense): Promise<Float64Array> {
  if (stored.kind === 'gptq' || stored.kind === 'awq') return dequantizeInt4(stored);
  const [rows, columns] = matrix(stored);
  const out = new Float64Array(rows * columns);
  decode(await readTensor(stored.data), stored.data, out);
  checkFinite(out, stored.data);
  return out;
}

/**
 * Rows begin..end of a weight that lies row by row (F32, F16, BF16 or ggml), row-major: exact but for Q4_1 and
 * Q4_K, which are rounded to f32. A 1-dimensional tensor has rows of one number. NaN and infinity pass through.
 */
export async function unpackDense(
  stored: StoredLinear | StoredDense,
  begin = 0,
  end?: number,
): Promise<Float32Array<ArrayBuffer>> {
  if (stored.kind === 'gptq' || stored.kind === 'awq') throw new Error(`${stored.path} does not lie row by row`);
  const [rows, columns] = matrix(stored);
  const rowBytes = stored.data.length / rows;
  const count = (end ?? rows) - begin;
  const out = new Float32Array(count * columns);
  decode(await readTensor(stored.data, begin * rowBytes, count * rowBytes), stored.data, out);
  return out;
}

/** Rows and columns: a vector counts as a column. */
function matrix(stored: StoredLinear | StoredDense): [number, number] {
  if ('N' in stored) return [stored.N, stored.K];
  const [rows, ...rest] = stored.shape;
  return [rows, rest.reduce((product, size) => product * size, 1)];
}

function decode(bytes: Uint8Array<ArrayBuffer>, { dtype }: TensorInfo, out: Float64Array | Float32Array): void {
  switch (dtype) {
    case 'F32':
      out.set(new Float32Array(bytes.buffer));
      return;
    case 'F16':
      each(new Uint16Array(bytes.buffer), fromHalf, out);
      return;
    case 'BF16':
      each(new Uint16Array(bytes.buffer), fromBf16, out);
      return;
    case 'Q8_0':
      for (let b = 0; b * 32 < out.length; b++) decodeQ8Block(bytes, b * 34, out, b * 32);
      return;
    case 'Q6_K':
      for (let b = 0; b * 256 < out.length; b++) decodeQ6Block(bytes, b * 210, out, b * 256);
      return;
    case 'Q4_0':
    case 'Q4_1':
    case 'Q4_K': {
      const layout = ggmlLayout(dtype);
      const block = newQ4Block(layout.block);
      for (let b = 0; b * layout.block < out.length; b++) {
        decodeQ4Block(dtype, bytes, b * layout.bytes, block);
        for (let i = 0; i < layout.block; i++) {
          const g = Math.floor(i / Q4_GROUP);
          out[b * layout.block + i] = block.scales[g] * block.codes[i] + block.offsets[g];
        }
      }
      return;
    }
    default:
      throw new Error(`no weights are stored as ${dtype}`);
  }
}

// An iterator over entries takes twenty times as long.
function each(from: Uint16Array, value: (bits: number) => number, out: Float64Array | Float32Array): void {
  for (let i = 0; i < from.length; i++) out[i] = value(from[i]);
}

async function dequantizeInt4(stored: StoredLinear & { kind: 'gptq' | 'awq' }): Promise<Float64Array> {
  const { N, K } = stored;
  const source = await loadInt4(stored);
  const out = new Float64Array(N * K);
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++) {
      const g = source.gIdx ? source.gIdx[k] : Math.floor(k / stored.group);
      out[n * K + k] = scaleAt(source, g, n) * (source.codeAt(n, k) - source.zeroAt(g, n));
    }
  checkFinite(out, stored.scales);
  return out;
}

/** UserError for NaN or infinity, which only a damaged file or scale can cause. */
function checkFinite(values: Float64Array, tensor: TensorInfo): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new UserError(
      `${tensor.source.name}: ${quote(tensor.name)} makes weight ${bad} ${values[bad]}; the file is damaged`,
    );
}
