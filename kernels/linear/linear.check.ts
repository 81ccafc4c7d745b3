/** What tests of the linear layer share: random cases, run on a GPU and checked against the float64 reference. */
import type { Gpu } from '../../src/gpu/gpu.ts';
import { toHalf } from '../../src/half.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu, uniform } from '../../test/numeric.ts';
import { permuteColumnsRef } from '../permute_columns/permute_columns.ref.ts';
import { type Plan, product } from './linear.product.ts';
import { dequantizeRef, linearRef } from './linear.ref.ts';
import { linear } from './linear.ts';
import type { LinearShape } from './linear.types.ts';
import type { Q4Meta, Q4Weight, Weight } from './weights.ts';

type Stored = 'f16' | 'f32' | `${Q4Meta} ${number}`;

export interface Case {
  M: number;
  N: number;
  K: number;
  /** Dense type, or int4's meta and group. */
  w: Stored;
  /** How many of the M rows there are. */
  rows?: number;
  /** Default: the tier's activation type. */
  x?: 'f32';
  y?: 'f32';
  bias?: boolean;
  add?: boolean;
  scale?: number;
  /** Columns of y before and after. */
  before?: number;
  after?: number;
  perm?: boolean;
}

/** An int4 weight of these words and params. */
export function q4OnGpu(
  g: Gpu,
  { N, K, group, meta }: Pick<Q4Weight, 'N' | 'K' | 'group' | 'meta'>,
  words: Uint32Array,
  params: Uint32Array,
): Q4Weight {
  return {
    ...{ kind: 'q4', N, K, group, meta },
    words: toGpu(g, 'words', 'u32', [N, Math.ceil(K / 8)], words),
    params: toGpu(g, 'params', 'u32', [N, params.length / N], params),
  };
}

/** Random weights and what they mean; `magnitude` bounds the parts that a weight is made of. */
export function weights(
  g: Gpu,
  w: Stored,
  N: number,
  K: number,
): { weight: Weight; W: Float64Array; magnitude: Float64Array } {
  if (w === 'f16' || w === 'f32') {
    const W = normal(11, N * K, w);
    return {
      weight: { kind: 'dense', N, K, data: toGpu(g, 'W', w, [N, K], W) as never },
      W,
      magnitude: W.map(Math.abs),
    };
  }
  const [meta, size] = w.split(' ') as [Q4Meta, string];
  const group = Number(size);
  const next = uniform(12);
  // All bits are random, those past K too.
  const words = Uint32Array.from({ length: N * Math.ceil(K / 8) }, () => next() * 2 ** 32);
  const groups = N * Math.ceil(K / group);
  const a = Array.from({ length: groups }, () => (0.05 + next()) * (next() < 0.5 ? -0.2 : 0.2));
  const b = a.map((s) => (meta === 'zero16' ? Math.floor(next() * 17) : -s * 15 * next()));
  const pair = (i: number) => toHalf(a[i]) + toHalf(b[i]) * 65536;
  const params =
    meta === 'offset32'
      ? new Uint32Array(Float32Array.from({ length: 2 * groups }, (_, i) => (i % 2 ? b : a)[i >> 1]).buffer)
      : Uint32Array.from(a, (_, i) => pair(i));
  const W = dequantizeRef(words, params, N, K, group, meta);
  // |W - offset| + |offset|, where the offset is what nibble 0 means.
  const offset = dequantizeRef(new Uint32Array(words.length), params, N, K, group, meta);
  const weight = q4OnGpu(g, { N, K, group, meta }, words, params);
  return { weight, W, magnitude: W.map((v, i) => Math.abs(v - offset[i]) + Math.abs(offset[i])) };
}

const shuffled = (n: number): number[] => {
  const next = uniform(13);
  const keys = Array.from({ length: n }, next);
  return [...keys.keys()].sort((i, j) => keys[i] - keys[j]);
};

/** Runs one case, through `linear` or in a given plan, checks every element of y, and returns the labels that ran. */
export async function run(g: Gpu, c: Case, forced?: Plan): Promise<string[]> {
  const { M, N, K, rows = M, bias = false, add = false, scale = 1, before = 0, after = 0 } = c;
  const [xType, yType] = [c.x ?? g.activation, add ? 'f32' : (c.y ?? g.activation)];
  const { weight, W, magnitude } = weights(g, c.w, N, K);
  const x = normal(1, M * K, xType);
  const b = normal(2, N);
  const perm = c.perm ? shuffled(K) : undefined;
  const ldy = before + N + after;
  const held = normal(3, M * ldy);
  const y = add ? toGpu(g, 'y', 'f32', [M, ldy], held) : poisoned(g, 'y', yType, [M, ldy]);
  const call = {
    x: toGpu(g, 'x', xType, [M, K], x),
    weight: perm ? { ...weight, perm: toGpu(g, 'perm', 'u32', [K], perm) } : weight,
    y,
    rows: g.dim('rows', rows),
    column: before,
    bias: bias ? toGpu(g, 'bias', 'f32', [N], b) : undefined,
    add,
    scale,
  } as const;
  const dispatches = await runOnce(g, (r) => (forced ? product(r, call, 'linear', forced) : linear(r, call)));

  const seen = perm ? permuteColumnsRef(x, perm, M, K) : x;
  const reference = linearRef(seen, W, M, N, K, { bias: bias ? b : undefined, scale });
  const terms = linearRef(seen.map(Math.abs), magnitude, M, N, K, { scale });
  // A sum of K terms is off by at most K roundoffs of the sum of their sizes; a weight made of two parts, a chunk's
  // two sums and the epilogue add a few. Where operands pass through f16, each weight is rounded to it (a subnormal
  // one by 2^-25). The store rounds once more.
  const f16 = xType === 'f16' && c.w !== 'f32';
  // Words whose products are added in f16: linear.held.wgsl's are those of a chunk.
  const chain = forced?.form === 'skinny' ? forced.CHAIN : forced?.form === 'held' ? 4 : 0;
  const chained = 4 * chain * EPS.f16;
  const expected = new Float64Array(M * ldy);
  const atol = new Float64Array(M * ldy);
  for (let m = 0; m < M; m++)
    for (let i = 0; i < ldy; i++) {
      const at = m * ldy + i;
      const n = i - before;
      if (m >= rows || n < 0 || n >= N) expected[at] = add ? held[at] : Number.NaN;
      else {
        const sum = reference[m * N + n];
        expected[at] = sum + (add ? held[at] : 0);
        const size = terms[m * N + n] + Math.abs(b[n]) + Math.abs(held[at]);
        atol[at] =
          (K + 16) * EPS.f32 * size + chained * terms[m * N + n] + (f16 ? (EPS.f16 + 2 ** -20) * terms[m * N + n] : 0);
        atol[at] += EPS[yType] * Math.abs(expected[at]) + (yType === 'f16' ? 2 ** -25 : 0);
      }
    }
  const got = await fromGpu(g, y);
  const untouched = expected.map((v, i) => (Number.isNaN(v) && Number.isNaN(got[i]) ? 1 : 0));
  expectClose(
    got.map((v, i) => (untouched[i] ? 0 : v)),
    expected.map((v, i) => (untouched[i] ? 0 : v)),
    0,
    atol,
  );
  return dispatches.map((d) => d.label);
}

const describeCase = (c: Case) =>
  `${c.M} x ${c.N} x ${c.K} ${Object.entries(c)
    .filter(([k]) => k.length > 1 || k === 'w')
    .map(([k, v]) => (k === 'w' ? v : `${k}=${v}`))
    .join(' ')}`;
export const named = (cases: Case[]) => cases.map((c) => [describeCase(c), c] as const);

export const shapeOfCase = (g: Gpu, { M, N, K, w, x, y, add, before = 0, after = 0 }: Case): LinearShape => {
  const [meta, group] = w.split(' ');
  const dense = w === 'f16' || w === 'f32';
  const stored = dense
    ? ({ kind: 'dense', w } as const)
    : ({ kind: 'q4', w: 'u32', meta: meta as Q4Meta, group: Number(group) } as const);
  const [X, Y] = [x ?? g.activation, add ? 'f32' : (y ?? g.activation)];
  return { M, N, K, ...stored, x: X, y: Y, ldy: before + N + after, column: before };
};
