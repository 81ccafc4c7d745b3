/** The gradient of attention at the lengths of training, in Qwen2.5's 0.5B, 7B and 32B shapes, and of names in SmolLM2's. */
import type { Bench, BenchCase } from '../../src/bench.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { Noise, output } from '../../test/bench_data.ts';
import { EPS, poisoned, runOnce } from '../../test/numeric.ts';
import { type AttentionBackward, attentionBackward } from './attention.backward.ts';
import { attention } from './attention.ts';
import { Sequences } from './sequences.ts';

/** Sequences, tokens of each, heads, kvHeads, headDim. */
export type Shape = readonly [S: number, n: number, heads: number, kvHeads: number, headDim: number];
const SHAPES: readonly Shape[] = [
  [16, 144, 14, 2, 64],
  [112, 32, 14, 2, 64],
  [8, 512, 14, 2, 64],
  [1040, 15, 9, 3, 64],
  [1040, 24, 9, 3, 64],
  [16, 144, 28, 4, 128],
  [8, 512, 28, 4, 128],
  [4, 2048, 28, 4, 128],
  [16, 144, 40, 8, 128],
];
const SOFTWARE: readonly Shape[] = [
  [2, 96, 4, 2, 64],
  [20, 15, 4, 2, 64],
];

export const bench: Bench = (gpu) =>
  (gpu.description.software ? SOFTWARE : SHAPES).map((shape) => backwardCase(gpu, shape));

/** The queries of a sequence, from its end, that are checked: of the keys there these are all that see them. */
const WINDOW = 64;

/** `form` records one that the plan does not choose. */
export function backwardCase(
  gpu: Gpu,
  [S, n, heads, kvHeads, headDim]: Shape,
  form: (r: Recorder, a: AttentionBackward) => void = attentionBackward,
): BenchCase {
  const act = gpu.activation;
  const shape = { heads, kvHeads, headDim };
  const [width, inner, T] = [(heads + 2 * kvHeads) * headDim, heads * headDim, S * n];
  const [qkvs, dys] = [new Noise(1, T * width, act), new Noise(2, T * inner, act)];
  let made: Tensor[] = [];
  let sequences: Sequences | undefined;
  let parts: Part[] | undefined;
  return {
    kernel: 'attention backward',
    shape: `${S}x${n} H=${heads} KV=${kvHeads} D=${headDim}`,
    bytes: (act === 'f16' ? 2 : 4) * T * 2 * (width + inner),
    // Five products of the forward's two: the scores again, and the gradients of weights, values, queries and keys.
    flops: 10 * headDim * heads * S * ((n * (n + 1)) / 2),
    async record(r) {
      const dqkv = poisoned(gpu, 'dqkv', act, [T, width]);
      const [qkv, dy] = [qkvs.tensor(gpu, 'qkv', [T, width]), dys.tensor(gpu, 'dy', [T, inner])];
      const y = poisoned(gpu, 'y', act, [T, inner]);
      const lse = poisoned(gpu, 'lse', 'f32', [T, heads]);
      made = [dqkv, qkv, dy, y, lse];
      const packed = new Sequences(gpu, T, S, undefined, n);
      sequences = packed;
      packed.set(Array.from({ length: S }, () => new Uint32Array(n)));
      await runOnce(gpu, (forward) => attention(forward, { qkv, y, lse, sequences: packed, ...shape }));
      form(r, { qkv, y, lse, dy, dqkv, sequences: packed, ...shape });
    },
    async check() {
      const got = await output(gpu, made[0]);
      let worst = got.finite ? 0 : Number.POSITIVE_INFINITY;
      // The last sequence and its last group of heads.
      // Scores, weights and their gradients are off by some (D + n) roundoffs of the sizes of their terms; y, and in
      // forms that stage them so p and ds, are rounded to the activation type.
      const share = (8 * (headDim + n) + 128) * EPS.f32 + 6 * EPS[act];
      parts ??= reference(qkvs, dys, (S - 1) * n, n, shape);
      for (const { at, values, sizes } of parts)
        values.forEach((expected, c) => {
          const allowed = share * sizes[c] + EPS[act] * Math.abs(expected) + 2 ** -25;
          worst = Math.max(worst, Math.abs(got.at(at + c) - expected) / allowed);
        });
      return worst;
    },
    free() {
      gpu.free(...made);
      sequences?.free();
    },
  };
}

/** Consecutive elements of dqkv from `at` on, and the sums of their terms' sizes. */
interface Part {
  at: number;
  values: Float64Array;
  sizes: Float64Array;
}

/**
 * The gradients of one sequence's last queries, keys and values in its last group of heads, in float64.
 * ds = p (dp - sum p dp), dq = ds k, dk = ds q, dv = p dy (attention.ref.ts).
 */
function reference(
  qkv: Noise,
  dy: Noise,
  start: number,
  n: number,
  { heads: H, kvHeads: KV, headDim: D }: { heads: number; kvHeads: number; headDim: number },
): Part[] {
  const width = (H + 2 * KV) * D;
  const root = Math.sqrt(D);
  const part = (at: number): Part => ({ at, values: new Float64Array(D), sizes: new Float64Array(D) });
  const add = ({ values, sizes }: Part, factor: number, size: number, of: Float64Array) => {
    for (let c = 0; c < D; c++) {
      values[c] += factor * of[c];
      sizes[c] += size * Math.abs(of[c]);
    }
  };
  const abs = (a: Float64Array) => a.map(Math.abs);
  const dot = (a: Float64Array, b: Float64Array) => {
    let sum = 0;
    for (let c = 0; c < D; c++) sum += a[c] * b[c];
    return sum;
  };
  const keys = Array.from({ length: n }, (_, j) => {
    const at = (start + j) * width + (H + KV - 1) * D;
    const [k, v] = [qkv.slice(at, at + D), qkv.slice(at + KV * D, at + KV * D + D)];
    return { k, v, vSize: abs(v), dk: part(at), dv: part(at + KV * D) };
  });
  const first = Math.max(0, n - WINDOW);
  const parts = keys.slice(first).flatMap(({ dk, dv }) => [dk, dv]);
  for (let head = H - H / KV; head < H; head++)
    for (let row = first; row < n; row++) {
      const dq = part((start + row) * width + head * D);
      parts.push(dq);
      const q = qkv.slice(dq.at, dq.at + D);
      const out = ((start + row) * H + head) * D;
      const d = dy.slice(out, out + D);
      const dSize = abs(d);
      const seen = keys.slice(0, row + 1);
      const scores = seen.map(({ k }) => dot(q, k) / root);
      const max = Math.max(...scores);
      const e = scores.map((x) => Math.exp(x - max));
      const total = e.reduce((a, b) => a + b);
      const p = e.map((x) => x / total);
      const dp = seen.map(({ v }) => dot(d, v));
      const dpSize = seen.map(({ vSize }) => dot(dSize, vSize));
      const mean = dp.reduce((sum, x, j) => sum + p[j] * x, 0);
      const meanSize = dpSize.reduce((sum, x, j) => sum + p[j] * x, 0);
      seen.forEach(({ k, dk, dv }, j) => {
        const ds = (p[j] * (dp[j] - mean)) / root;
        const size = (p[j] * (dpSize[j] + meanSize)) / root;
        add(dq, ds, size, k);
        if (j < first) return;
        add(dk, ds, size, q);
        add(dv, p[j], p[j], d);
      });
    }
  return parts;
}
