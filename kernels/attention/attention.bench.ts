/** Attention at the lengths of questions, of the training batch, of long texts and of a taxonomy's names, in Qwen2.5's 0.5B, 7B and 32B shapes and SmolLM2's. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, output } from '../../test/bench_data.ts';
import { EPS, poisoned } from '../../test/numeric.ts';
import { MATRIX_ARITHMETIC, startsOf } from './attention.check.ts';
import { attentionBound, attentionRef } from './attention.ref.ts';
import { attention, plan } from './attention.ts';
import { Sequences } from './sequences.ts';

/** Sequences, tokens of each, heads, kvHeads, headDim. */
export const SHAPES: readonly (readonly [number, number, number, number, number])[] = [
  [16, 144, 14, 2, 64],
  [112, 32, 14, 2, 64],
  [8, 512, 14, 2, 64],
  [16, 144, 9, 3, 64],
  [1040, 15, 9, 3, 64],
  [1040, 24, 9, 3, 64],
  [16, 144, 28, 4, 128],
  [8, 512, 28, 4, 128],
  [4, 2048, 28, 4, 128],
  [16, 144, 40, 8, 128],
];
const SOFTWARE: typeof SHAPES = [
  [2, 144, 9, 3, 64],
  [40, 15, 9, 3, 64],
  [1, 512, 2, 1, 64],
];

export const bench: Bench = (gpu) =>
  (gpu.description.software ? SOFTWARE : SHAPES).map((shape) => attentionCase(gpu, shape));

/** `S` sequences of `n` tokens; `form` records one that the plan does not choose. */
export function attentionCase(
  gpu: Gpu,
  [S, n, heads, kvHeads, headDim]: readonly [S: number, n: number, heads: number, kvHeads: number, headDim: number],
  form = attention,
): BenchCase {
  const act = gpu.activation;
  const shape = { heads, kvHeads, headDim };
  const width = (heads + 2 * kvHeads) * headDim;
  const T = S * n;
  const p = plan(gpu.caps, shape);
  const noise = new Noise(1, T * width, act);
  let made: Tensor[] = [];
  let sequences: Sequences | undefined;
  return {
    kernel: 'attention',
    shape: `${S}x${n} H=${heads} KV=${kvHeads} D=${headDim}`,
    bytes: (act === 'f16' ? 2 : 4) * T * (width + heads * headDim),
    // A product and a sum for each channel of each key that a query sees, for the scores and for the values.
    flops: 4 * headDim * heads * S * ((n * (n + 1)) / 2),
    record(r) {
      made = [noise.tensor(gpu, 'qkv', [T, width]), poisoned(gpu, 'y', act, [T, heads * headDim])];
      sequences = new Sequences(gpu, T, S);
      sequences.set(Array.from({ length: S }, () => new Uint32Array(n)));
      form(r, { qkv: made[0], y: made[1], sequences, ...shape });
    },
    async check() {
      const y = await output(gpu, made[1]);
      let worst = y.finite ? 0 : Number.POSITIVE_INFINITY;
      const values = noise.slice(0, T * width);
      const starts = startsOf(new Array(S).fill(n));
      // Some 30 queries all over, and with them tiles' first and last rows.
      const stride = Math.ceil((T * heads) / 30) | 1;
      const wanted = (row: number, head: number) => (row * heads + head) % stride === 0;
      const expected = attentionRef(values, starts, shape, wanted);
      const arithmetic = p.form === 'matrix' ? MATRIX_ARITHMETIC : { keys: p.keys };
      const bound = attentionBound(values, starts, shape, arithmetic, wanted).y;
      for (let query = 0; query < T * heads; query += stride)
        for (let i = query * headDim; i < (query + 1) * headDim; i++) {
          const allowed = bound[i] + EPS[act] * Math.abs(expected[i]) + 2 ** -25;
          worst = Math.max(worst, Math.abs(y.at(i) - expected[i]) / allowed);
        }
      return worst;
    },
    free() {
      gpu.free(...made);
      sequences?.free();
    },
  };
}
