/** The specification of a linear layer in float64, forward and backward, and of what int4 weights mean. */
import { fromHalf } from '../../src/half.ts';
import type { Q4Meta } from './weights.ts';

type Numbers = ArrayLike<number>;

/** The weights [N, K] of int4 words and params, by the definitions in weights.ts, one element at a time. */
export function dequantizeRef(
  words: Numbers,
  params: Numbers,
  N: number,
  K: number,
  group: number,
  meta: Q4Meta,
): Float64Array {
  const bits = new DataView(new ArrayBuffer(4));
  const asFloat = (u: number): number => {
    bits.setUint32(0, u);
    return bits.getFloat32(0);
  };
  const wordsPerRow = Math.ceil(K / 8);
  const groups = Math.ceil(K / group);
  const W = new Float64Array(N * K);
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++) {
      const q = Math.floor(words[n * wordsPerRow + Math.floor(k / 8)] / 16 ** (k % 8)) % 16;
      const g = n * groups + Math.floor(k / group);
      if (meta === 'offset32') W[n * K + k] = asFloat(params[2 * g]) * q + asFloat(params[2 * g + 1]);
      else {
        const a = fromHalf(params[g] % 65536);
        const b = fromHalf(Math.floor(params[g] / 65536));
        W[n * K + k] = meta === 'zero16' ? a * (q - b) : a * q + b;
      }
    }
  return W;
}

/** x [M, K], W [N, K], bias [N] -> y [M, N] = scale · x Wᵀ + bias. */
export function linearRef(
  x: Numbers,
  W: Numbers,
  M: number,
  N: number,
  K: number,
  { bias, scale = 1 }: { bias?: Numbers; scale?: number } = {},
): Float64Array {
  const y = new Float64Array(M * N);
  for (let m = 0; m < M; m++)
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += x[m * K + k] * W[n * K + k];
      y[m * N + n] = scale * sum + (bias ? bias[n] : 0);
    }
  return y;
}

/** dy [M, N] -> dx [M, K] = scale · dy W, dW [N, K] = scale · dyᵀ x, dbias [N] = Σm dy. */
export function linearBackwardRef(
  x: Numbers,
  W: Numbers,
  dy: Numbers,
  M: number,
  N: number,
  K: number,
  scale = 1,
): { dx: Float64Array; dW: Float64Array; dbias: Float64Array } {
  const dx = new Float64Array(M * K);
  const dW = new Float64Array(N * K);
  const dbias = new Float64Array(N);
  for (let m = 0; m < M; m++)
    for (let n = 0; n < N; n++) {
      const d = dy[m * N + n];
      dbias[n] += d;
      for (let k = 0; k < K; k++) {
        dx[m * K + k] += scale * d * W[n * K + k];
        dW[n * K + k] += scale * d * x[m * K + k];
      }
    }
  return { dx, dW, dbias };
}
