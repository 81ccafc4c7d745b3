/** Runs a case of the few rows' forms and checks all of y: for linear.skinny.test.ts and linear.held.test.ts. */
import { expect } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, toGpu, uniform } from '../../test/numeric.ts';
import type { Case as LinearCase } from './linear.check.ts';
import { type HeldPlan, heldFits } from './linear.held.ts';
import { product } from './linear.product.ts';
import { dequantizeRef, linearRef } from './linear.ref.ts';
import { type SkinnyMatrixPlan, type SkinnyPlan, skinnyFits, skinnyMatrixFits } from './linear.skinny.ts';
import { type Linear, type LinearShape, shapeOf } from './linear.types.ts';
import type { Q4Meta } from './weights.ts';

/** A case of int4 W and f16 x. */
export interface Case extends Omit<LinearCase, 'w' | 'x' | 'perm'> {
  meta: Q4Meta;
  group: number;
  /** x and W as large as they get, instead of random ones of many sizes. */
  large?: boolean;
}

/** In even rows every |x| is 2000 to 8000, and of one sign; in odd rows every 50th is, as activations are, the rest normal. */
function largeX(M: number, K: number): Float64Array {
  const next = uniform(6);
  const x = normal(1, M * K);
  for (let i = 0; i < x.length; i++)
    if (Math.floor(i / K) % 2 === 0) x[i] = 2000 + 6000 * next();
    else if (i % 50 === 7) x[i] = (next() < 0.5 ? -1 : 1) * (2000 + 6000 * next());
  return x.map((v) => fromHalf(toHalf(v)));
}

/**
 * Runs a case and checks every element of y, poison included. `rounding`: the share of Σ |x| |w|'s size that f16 may cost.
 * Errors are also held to what they are likely to be together: their root mean square to .002 of √Σ (x w)²'s; on a GPU
 * it was .0005, and where all of x is large and of one sign, as in largeX, W's roundings alone make it .0009.
 */
export async function run(
  g: Gpu,
  c: Case,
  p: SkinnyPlan | SkinnyMatrixPlan | HeldPlan,
  rounding: number,
): Promise<string[]> {
  const { M, N, K, meta, group, before = 0, after = 0, rows = M, scale = 1 } = c;
  const next = uniform(3);
  const words = Uint32Array.from({ length: (N * K) / 8 }, () => next() * 2 ** 32);
  // Nibbles of 0 in the first row, of 15 in the next.
  if (c.large) words.fill(0, 0, K / 8).fill(2 ** 32 - 1, K / 8, K / 4);
  const groups = N * Math.ceil(K / group);
  const a = Array.from({ length: groups }, () => (0.05 + next()) * (next() < 0.5 ? -0.2 : 0.2));
  const b = a.map((s) => (meta === 'zero16' ? Math.floor(next() * 17) : -s * 15 * next()));
  const wide = new Uint32Array(Float32Array.from(a.flatMap((s, i) => [s, b[i]])).buffer);
  const params = meta === 'offset32' ? wide : Uint32Array.from(a, (s, i) => toHalf(s) + toHalf(b[i]) * 65536);
  const W = dequantizeRef(words, params, N, K, group, meta);
  // 8 |a| and what is left: the largest numbers that a weight is made of.
  const sizes = a.map((s, i) => 8 * Math.abs(s) + Math.abs(meta === 'zero16' ? s * (b[i] - 8) : b[i] + 8 * s));
  const magnitude = W.map(
    (v, i) => Math.abs(v) + sizes[Math.floor(i / K) * Math.ceil(K / group) + Math.floor((i % K) / group)],
  );
  const x = c.large ? largeX(M, K) : normal(1, M * K, 'f16');
  // Chunks of sizes that products in f16 could not have: 2^14 and 2^-14.
  for (let i = 0; !c.large && i < x.length; i++) if (Math.floor(i / 32) % 5 === 0) x[i] *= i % 3 ? 2 ** -10 : 2 ** 10;
  const ldy = before + N + after;
  const bias = c.bias ? normal(4, N) : undefined;
  const old = c.add ? normal(5, M * ldy) : undefined;
  const y = old ? toGpu(g, 'y', 'f32', [M, ldy], old) : poisoned(g, 'y', c.y ?? 'f16', [M, ldy]);
  const call: Linear = {
    x: toGpu(g, 'x', 'f16', [M, K], x),
    weight: {
      kind: 'q4',
      N,
      K,
      group,
      meta,
      words: g.upload('words', 'u32', [N, K / 8], words),
      params: g.upload('params', 'u32', [params.length], params),
    },
    y,
    rows: g.dim('rows', rows),
    column: before,
    bias: bias && g.upload('bias', 'f32', [N], Float32Array.from(bias)),
    add: c.add,
    scale: c.scale,
  };
  const s = shapeOf(call);
  const fits = { skinny: skinnyFits, 'skinny matrix': skinnyMatrixFits, held: heldFits }[p.form];
  expect(fits(g.caps, s, p as never)).toBe(true);
  const xs = Float64Array.from(x, (v) => v);
  const sums = linearRef(xs, W, M, N, K, { bias, scale });
  const terms = linearRef(xs.map(Math.abs), magnitude, M, N, K, { scale });
  const expected = new Float64Array(M * ldy);
  const allowed = new Float64Array(M * ldy);
  for (let i = 0; i < expected.length; i++) {
    const [m, n] = [Math.floor(i / ldy), (i % ldy) - before];
    if (m >= rows || n < 0 || n >= N) expected[i] = old?.[i] ?? 1e6;
    else {
      expected[i] = sums[m * N + n] + (old?.[i] ?? 0);
      allowed[i] = ((K + 16) * EPS.f32 + rounding) * terms[m * N + n] + 4 * EPS.f32 * Math.abs(expected[i]) + 2 ** -25;
    }
  }
  const r = new Recorder(g);
  product(r, call, 'linear', p);
  (await r.finish()).replay();
  const got = (await fromGpu(g, y)).map((v) => (Number.isNaN(v) ? 1e6 : v));
  expectClose(got, expected, y.dtype === 'f16' ? EPS.f16 : 0, allowed);
  if (y.dtype === 'f32' && !c.add) {
    const [xx, WW] = [xs, W].map((values) => values.map((v) => v * v));
    const size = linearRef(xx, WW, rows, N, K, { scale: scale * scale }).reduce((a, b) => a + b);
    const off = got.reduce((sum, v, i) => sum + (allowed[i] ? (v - expected[i]) ** 2 : 0), 0);
    expect(Math.sqrt(off / size)).toBeLessThan(0.002);
  }
  return r.dispatches.map((d) => d.label);
}

// Products and sums of a chain each round to f16: 4 CHAIN of them, at most half a unit in 2^11 of what the sum has been.
export const chained = (chain: number) => (chain ? 4 * chain * EPS.f16 : 0);

export const shape = (s: Partial<LinearShape>): LinearShape => ({
  ...{ M: 1, N: 4096, K: 4096, kind: 'q4', w: 'u32', group: 32, meta: 'offset16', x: 'f16', y: 'f16' },
  ...{ ldy: s.N ?? 4096, column: 0, ...s },
});
