/**
 * The one int4 layout that the engine computes with, whatever the file's: eight consecutive k of an output in a
 * u32, and one pair of numbers a group. Here on the CPU, as the specification of the GPU's repack kernels.
 */
import { UserError } from '../errors.ts';
import { fromHalf, toHalf } from '../half.ts';
import { f32FromBits, f32ToBits } from './bits.ts';
import { ggmlLayout } from './ggml.ts';
import { decodeQ4Block, isGgmlQ4, newQ4Block, Q4_GROUP } from './ggml_blocks.ts';
import { loadInt4, scaleAt } from './int4.ts';
import { quote } from './quote.ts';
import type { StoredLinear } from './stored.ts';
import { readTensor, type TensorInfo } from './tensor.ts';

/**
 * Int4 weights in the run-time layout. W[n, k'] for the k' order of `words`, g = floor(k' / group):
 * offset16 and offset32: scale·q + offset; zero16: scale·(q − zero).
 */
export interface PackedQ4 {
  readonly N: number;
  readonly K: number;
  /** Consecutive k' that share a scale; the last group of a row is shorter where it does not divide K. */
  readonly group: number;
  /** [N, ceil(K/8)]: k' = 8w + i at bits 4i of word w; nibbles beyond K are 0. */
  readonly words: Uint32Array<ArrayBuffer>;
  readonly meta: 'offset16' | 'zero16' | 'offset32';
  /**
   * offset16, zero16: [N, ceil(K/group)], f16 scale in the low half, f16 offset or zero in the high half.
   * offset32: [N, ceil(K/group), 2], the bits of f32 scale and f32 offset.
   */
  readonly params: Uint32Array<ArrayBuffer>;
  /** Act-order: the activation that k' multiplies is x[perm[k']]. */
  readonly perm?: Uint32Array<ArrayBuffer>;
}

/**
 * The run-time layout of a stored int4 linear, exact: GPTQ and AWQ become zero16 (a zero up to 16 fits f16), Q4_0
 * too with zero 8 (−8·d may lie beyond f16), Q4_1 offset16 as it is stored, Q4_K offset32 (its scales are products).
 * UserError where a scale or an offset is NaN or infinite.
 */
export async function packQ4(stored: StoredLinear): Promise<PackedQ4> {
  if (stored.kind === 'gptq' || stored.kind === 'awq') return packInt4(stored);
  if (stored.kind === 'ggml' && isGgmlQ4(stored.type)) return packGgml(stored, stored.data, stored.type);
  throw new Error(`${stored.path} is not int4`);
}

async function packInt4(stored: StoredLinear & { kind: 'gptq' | 'awq' }): Promise<PackedQ4> {
  const { N, K, group } = stored;
  const source = await loadInt4(stored);
  const { groups } = source;
  const perm = source.gIdx && actOrderPermutation(source.gIdx);
  const words = new Uint32Array(N * (K / 8));
  const params = new Uint32Array(N * groups);
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) words[n * (K / 8) + (k >> 3)] |= source.codeAt(n, perm ? perm[k] : k) << (4 * (k & 7));
    for (let g = 0; g < groups; g++) {
      if (!Number.isFinite(scaleAt(source, g, n))) throw notFinite(stored.scales, `scale [${g}, ${n}]`);
      params[n * groups + g] = source.scales[g * N + n] | (toHalf(source.zeroAt(g, n)) << 16);
    }
  }
  return { N, K, group, words, meta: 'zero16', params, perm };
}

/** The order of inputs in which g_idx rises, ties in the order of k: groups become contiguous. */
function actOrderPermutation(gIdx: Int32Array): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(gIdx.keys()).sort((a, b) => gIdx[a] - gIdx[b] || a - b);
}

async function packGgml({ N, K }: StoredLinear, tensor: TensorInfo, type: 'Q4_0' | 'Q4_1' | 'Q4_K'): Promise<PackedQ4> {
  const bytes = await readTensor(tensor);
  const layout = ggmlLayout(type);
  const block = newQ4Block(layout.block);
  const meta = type === 'Q4_0' ? 'zero16' : type === 'Q4_1' ? 'offset16' : 'offset32';
  const words = new Uint32Array(N * (K / 8));
  const params = new Uint32Array(N * (K / Q4_GROUP) * (meta === 'offset32' ? 2 : 1));
  for (let b = 0; b < (N * K) / layout.block; b++) {
    decodeQ4Block(type, bytes, b * layout.bytes, block);
    const first = b * layout.block;
    for (let i = 0; i < layout.block; i++) words[(first + i) >> 3] |= block.codes[i] << (4 * (i & 7));
    for (let i = 0; i < block.scales.length; i++) {
      const scale = block.scales[i];
      const offset = block.offsets[i];
      if (!Number.isFinite(scale) || !Number.isFinite(offset)) throw notFinite(tensor, `block ${b}`);
      const g = first / Q4_GROUP + i;
      if (meta === 'offset32') {
        params[2 * g] = f32ToBits(scale);
        params[2 * g + 1] = f32ToBits(offset);
      } else params[g] = toHalf(scale) | (toHalf(meta === 'zero16' ? 8 : offset) << 16);
    }
  }
  return { N, K, group: Q4_GROUP, words, meta, params };
}

function notFinite(tensor: TensorInfo, where: string): UserError {
  return new UserError(
    `${tensor.source.name}: ${quote(tensor.name)} holds NaN or infinity in ${where}; the file is damaged`,
  );
}

/**
 * Quantises W f32 [N, K] to 4 bits, offset16: each group of k is spread over its own minimum and maximum. Scale and
 * offset are rounded to f16 first, so that the codes are the best for the numbers that will be used. UserError where
 * a weight is NaN or beyond f16's range.
 */
export function quantizeQ4(W: Float32Array, N: number, K: number, group = 32): PackedQ4 {
  const groups = Math.ceil(K / group);
  const rowWords = Math.ceil(K / 8);
  const words = new Uint32Array(N * rowWords);
  const params = new Uint32Array(N * groups);
  for (let n = 0; n < N; n++)
    for (let g = 0; g < groups; g++) {
      const begin = g * group;
      const end = Math.min(begin + group, K);
      const values = W.subarray(n * K + begin, n * K + end);
      let min = Number.POSITIVE_INFINITY;
      let max = Number.NEGATIVE_INFINITY;
      for (const value of values) {
        if (!(Math.abs(value) < 65520))
          throw new UserError(`a weight is ${value}, which int4 with f16 scales cannot hold`);
        min = Math.min(min, value);
        max = Math.max(max, value);
      }
      const offsetBits = toHalf(min);
      const scaleBits = toHalf((max - min) / 15);
      params[n * groups + g] = scaleBits | (offsetBits << 16);
      const scale = fromHalf(scaleBits);
      const offset = fromHalf(offsetBits);
      // A group of equal weights, or nearly so, has no scale: the offset says it all.
      if (scale === 0) continue;
      for (let k = begin; k < end; k++) {
        const code = Math.min(15, Math.max(0, Math.round((W[n * K + k] - offset) / scale)));
        words[n * rowWords + (k >> 3)] |= code << (4 * (k & 7));
      }
    }
  return { N, K, group, words, meta: 'offset16', params };
}

/** W [N, K] of packed weights in float64, exact, back in the model's k order. */
export function unpackQ4({ N, K, group, words, meta, params, perm }: PackedQ4): Float64Array {
  const groups = Math.ceil(K / group);
  const rowWords = Math.ceil(K / 8);
  const out = new Float64Array(N * K);
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++) {
      const code = (words[n * rowWords + (k >> 3)] >>> (4 * (k & 7))) & 15;
      const at = n * groups + Math.floor(k / group);
      const low = meta === 'offset32' ? f32FromBits(params[2 * at]) : fromHalf(params[at]);
      const high = meta === 'offset32' ? f32FromBits(params[2 * at + 1]) : fromHalf(params[at] >>> 16);
      out[n * K + (perm ? perm[k] : k)] = meta === 'zero16' ? low * (code - high) : low * code + high;
    }
  return out;
}
