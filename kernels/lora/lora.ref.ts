/** The specification of a low-rank update in float64, forward and backward (the formulas of PEFT's LoRA). */

type Numbers = ArrayLike<number>;

export interface LoraShape {
  M: number;
  N: number;
  K: number;
  /** Rank. */
  r: number;
  /** alpha / r, or alpha / sqrt(r). */
  scale: number;
}

/** The x that the adapter sees: `mask` [M, K] holds 0 or 1 / (1 - p), dropout's factors. */
const dropped = (x: Numbers, mask?: Numbers): Float64Array => Float64Array.from(x, (v, i) => (mask ? v * mask[i] : v));

/** x [M, K], A [r, K] -> H [M, r] = x Aᵀ. */
function down(x: Numbers, A: Numbers, { M, K, r }: LoraShape): Float64Array {
  const H = new Float64Array(M * r);
  for (let m = 0; m < M; m++)
    for (let j = 0; j < r; j++) for (let k = 0; k < K; k++) H[m * r + j] += x[m * K + k] * A[j * K + k];
  return H;
}

/** x [M, K], A [r, K], B [N, r] -> scale · (mask∘x) Aᵀ Bᵀ [M, N]. */
export function loraRef(x: Numbers, A: Numbers, B: Numbers, s: LoraShape, mask?: Numbers): Float64Array {
  const { M, N, r, scale } = s;
  const H = down(dropped(x, mask), A, s);
  const y = new Float64Array(M * N);
  for (let m = 0; m < M; m++)
    for (let n = 0; n < N; n++) for (let j = 0; j < r; j++) y[m * N + n] += scale * H[m * r + j] * B[n * r + j];
  return y;
}

/** dy [M, N] -> dB = scale · dyᵀ H, dA = dHᵀ (mask∘x), dx = mask∘(dH A), with H = (mask∘x) Aᵀ, dH = scale · dy B. */
export function loraBackwardRef(
  x: Numbers,
  A: Numbers,
  B: Numbers,
  dy: Numbers,
  s: LoraShape,
  mask?: Numbers,
): { dx: Float64Array; dA: Float64Array; dB: Float64Array } {
  const { M, N, K, r, scale } = s;
  const xd = dropped(x, mask);
  const H = down(xd, A, s);
  const dH = new Float64Array(M * r);
  const dB = new Float64Array(N * r);
  for (let m = 0; m < M; m++)
    for (let n = 0; n < N; n++)
      for (let j = 0; j < r; j++) {
        dH[m * r + j] += scale * dy[m * N + n] * B[n * r + j];
        dB[n * r + j] += scale * dy[m * N + n] * H[m * r + j];
      }
  const dA = new Float64Array(r * K);
  const dx = new Float64Array(M * K);
  for (let m = 0; m < M; m++)
    for (let j = 0; j < r; j++)
      for (let k = 0; k < K; k++) {
        dA[j * K + k] += dH[m * r + j] * xd[m * K + k];
        dx[m * K + k] += dH[m * r + j] * A[j * K + k] * (mask ? mask[m * K + k] : 1);
      }
  return { dx, dA, dB };
}
