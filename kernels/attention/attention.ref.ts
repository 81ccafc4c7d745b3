/** The specification of attention in float64, forward and backward, and how far a f32 evaluation may be off. */
import type { AttentionShape } from './attention.ts';

/** Which rows and heads are wanted, for a sample of a result too large to compute here; the others stay 0. */
export type Wanted = (row: number, head: number) => boolean;

/** qkv [T, (H + 2 KV) D], starts [S + 1] -> y [T, H D]. */
export function attentionRef(
  qkv: ArrayLike<number>,
  starts: ArrayLike<number>,
  s: AttentionShape,
  wanted?: Wanted,
): Float64Array {
  const { heads: H, headDim: D } = s;
  const y = new Float64Array(starts[starts.length - 1] * H * D);
  const add = ({ row, head, v, p }: Query) => {
    const out = (row * H + head) * D;
    p.forEach((weight, j) => {
      for (let d = 0; d < D; d++) y[out + d] += weight * qkv[v(j) + d];
    });
  };
  forEachQuery(qkv, starts, s, add, wanted);
  return y;
}

/** log2 of the sum of exp2 of every query's scores in units of log2: [T, H]. */
export function attentionLse(qkv: ArrayLike<number>, starts: ArrayLike<number>, s: AttentionShape): Float64Array {
  const lse = new Float64Array(starts[starts.length - 1] * s.heads);
  forEachQuery(qkv, starts, s, ({ row, head, x, p }) => {
    // p = exp(x - log sum exp x), and the largest is far from 0.
    const at = x.reduce((most, score, j) => (score > x[most] ? j : most), 0);
    lse[row * s.heads + head] = (x[at] - Math.log(p[at])) / Math.LN2;
  });
  return lse;
}

/** dy [T, H D] -> the gradient of qkv. With dp = dy . v: ds = p (dp - sum p dp), then dq = ds k, dk = ds q, scaled. */
export function attentionBackwardRef(
  qkv: ArrayLike<number>,
  dy: ArrayLike<number>,
  starts: ArrayLike<number>,
  s: AttentionShape,
): Float64Array {
  const { heads: H, headDim: D } = s;
  const d = new Float64Array(qkv.length);
  forEachQuery(qkv, starts, s, ({ row, head, q, k, v, p }) => {
    const out = (row * H + head) * D;
    const dp = p.map((_, j) => dot(dy, out, qkv, v(j), D));
    const mean = p.reduce((sum, weight, j) => sum + weight * dp[j], 0);
    p.forEach((weight, j) => {
      const ds = (weight * (dp[j] - mean)) / Math.sqrt(D);
      for (let c = 0; c < D; c++) {
        d[v(j) + c] += weight * dy[out + c];
        d[q + c] += ds * qkv[k(j) + c];
        d[k(j) + c] += ds * qkv[q + c];
      }
    });
  });
  return d;
}

/** How a kernel computes, as far as its errors depend on it. */
export interface Arithmetic {
  /** Keys a round. */
  keys: number;
  /** Of a step of a sum, as a share; 2^-24 for f32. */
  roundoff?: number;
  /** Of a weight, as a share of itself and, at least, of the largest weight. */
  weight?: number;
  weightFloor?: number;
  /** How far, in powers of two, the largest weight may lie above 1. */
  headroom?: number;
}

/**
 * A bound on |y - attentionRef| before y is stored, and on that of attentionLse. With u the roundoff of sums and w = 2^-24:
 *
 *   a score x is off by (D + 3) u sum |q k| / sqrt(D), and p by that share of itself;
 *   WGSL's exp2 of a number z by (6 + 4 |z|) w, z itself by |z| w; the rescaling of round after round multiplies
 *   exponentials whose exponents add up to no more than |x - max|, so (7 rounds + 5 |x - max|) w covers them all,
 *   and 5 w of each power of two of headroom; then p is rounded;
 *   n products and sums add (n + 4) u of sum p |v|, the sum of p as much of itself, their quotient 5 w.
 *
 * y is a quotient of two sums over the same p: its error is at most the numerator's plus |y| times the denominator's. The
 * denominator's, and that of the scores, is also lse's.
 */
export function attentionBound(
  qkv: ArrayLike<number>,
  starts: ArrayLike<number>,
  s: AttentionShape,
  { keys, roundoff: u = 2 ** -24, weight = 0, weightFloor = 0, headroom = 0 }: Arithmetic,
  wanted?: Wanted,
): { y: Float64Array; lse: Float64Array } {
  const w = 2 ** -24;
  const { heads: H, headDim: D } = s;
  const bound = new Float64Array(starts[starts.length - 1] * H * D);
  const lse = new Float64Array(starts[starts.length - 1] * H);
  const add = ({ row, head, q, k, v, p, x }: Query) => {
    const n = p.length;
    const max = Math.max(...x);
    const size = (j: number) => {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += Math.abs(qkv[q + d] * qkv[k(j) + d]);
      return ((D + 3) * u * sum) / Math.sqrt(D);
    };
    const off = p.map((share, j) => {
      const exponent = (max - x[j]) / Math.LN2 + headroom;
      return share * Math.expm1(size(j) + (6 + 7 * Math.ceil(n / keys) + 5 * exponent) * w + weight) + weightFloor;
    });
    const denominator = off.reduce((a, b) => a + b) + (n + 9) * u;
    // What p's errors leave out: the largest score's own, which the rescaling takes out of y and not out of lse.
    const own = Math.max(...p.map((_, j) => size(j)));
    lse[row * H + head] =
      (denominator + own) / Math.LN2 + 4 * w * (Math.abs(max) / Math.LN2 + Math.log2(n) + headroom + 1);
    for (let d = 0; d < D; d++) {
      let [y, numerator] = [0, 0];
      for (let j = 0; j < n; j++) {
        y += p[j] * qkv[v(j) + d];
        numerator += Math.abs(qkv[v(j) + d]) * (off[j] + p[j] * (n + 4) * u);
      }
      bound[(row * H + head) * D + d] = numerator + Math.abs(y) * denominator;
    }
  };
  forEachQuery(qkv, starts, s, add, wanted);
  return { y: bound, lse };
}

interface Query {
  row: number;
  head: number;
  /** Offset in qkv of the query, and of the keys and values it sees. */
  q: number;
  k: (j: number) => number;
  v: (j: number) => number;
  /** Scores and weights, one a key. */
  x: Float64Array;
  p: Float64Array;
}

function forEachQuery(
  qkv: ArrayLike<number>,
  starts: ArrayLike<number>,
  { heads: H, kvHeads: KV, headDim: D }: AttentionShape,
  visit: (query: Query) => void,
  wanted: Wanted = () => true,
): void {
  const width = (H + 2 * KV) * D;
  for (let s = 0; s + 1 < starts.length; s++)
    for (let row = starts[s]; row < starts[s + 1]; row++)
      for (let head = 0; head < H; head++) {
        if (!wanted(row, head)) continue;
        const q = row * width + head * D;
        const group = H + Math.floor((head * KV) / H);
        const k = (j: number) => (starts[s] + j) * width + group * D;
        const v = (j: number) => k(j) + KV * D;
        const x = Float64Array.from(
          { length: row - starts[s] + 1 },
          (_, j) => dot(qkv, q, qkv, k(j), D) / Math.sqrt(D),
        );
        const max = x.reduce((a, b) => Math.max(a, b));
        const e = x.map((score) => Math.exp(score - max));
        const sum = e.reduce((a, b) => a + b);
        visit({ row, head, q, k, v, x, p: e.map((weight) => weight / sum) });
      }
}

function dot(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, n: number): number {
  let sum = 0;
  for (let d = 0; d < n; d++) sum += a[i + d] * b[j + d];
  return sum;
}
