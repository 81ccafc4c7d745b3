/** GPTQ and AWQ tensors in memory, read code by code: the two packings behind one interface. */
import { fromHalf } from '../half.ts';
import type { StoredLinear } from './stored.ts';
import { readTensor, type TensorInfo } from './tensor.ts';

/** The numbers of a GPTQ or AWQ linear: W[n, k] = scale · (code − zero). */
export interface Int4Tensors {
  readonly N: number;
  readonly groups: number;
  /** f16 bits, [groups, N]. */
  readonly scales: Uint16Array;
  readonly gIdx?: Int32Array;
  /** The 4 bits of W[n, k]. */
  codeAt(n: number, k: number): number;
  /** The zero of output n in group g, 0 to 16. */
  zeroAt(g: number, n: number): number;
}

/** AWQ interleaves the eight columns of a word: column 8c + j is nibble AWQ_NIBBLE[j]. */
const AWQ_NIBBLE = [0, 4, 1, 5, 2, 6, 3, 7];

export async function loadInt4(stored: StoredLinear & { kind: 'gptq' | 'awq' }): Promise<Int4Tensors> {
  const { N } = stored;
  const qweight = new Uint32Array((await readTensor(stored.qweight)).buffer);
  const qzeros = new Uint32Array((await readTensor(stored.qzeros)).buffer);
  const scales = new Uint16Array((await readTensor(stored.scales)).buffer);
  const groups = stored.scales.shape[0];
  if (stored.kind === 'awq') {
    const at = (words: Uint32Array, row: number, n: number) =>
      (words[row * (N / 8) + (n >> 3)] >>> (4 * AWQ_NIBBLE[n & 7])) & 15;
    return { N, groups, scales, codeAt: (n, k) => at(qweight, k, n), zeroAt: (g, n) => at(qzeros, g, n) };
  }
  const { zeroBias } = stored;
  return {
    N,
    groups,
    scales,
    gIdx: stored.gIdx && (await readInts(stored.gIdx)),
    codeAt: (n, k) => (qweight[(k >> 3) * N + n] >>> (4 * (k & 7))) & 15,
    zeroAt: (g, n) => ((qzeros[g * (N / 8) + (n >> 3)] >>> (4 * (n & 7))) & 15) + zeroBias,
  };
}

/** The scale of output n in group g. */
export function scaleAt(tensors: Int4Tensors, g: number, n: number): number {
  return fromHalf(tensors.scales[g * tensors.N + n]);
}

async function readInts(tensor: TensorInfo): Promise<Int32Array> {
  return new Int32Array((await readTensor(tensor)).buffer);
}
