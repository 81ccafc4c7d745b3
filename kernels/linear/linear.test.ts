import { describe, expect, test } from 'vitest';
import { type Caps, PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { toHalf } from '../../src/half.ts';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu, uniform } from '../../test/numeric.ts';
import { permuteColumnsRef } from '../permute_columns/permute_columns.ref.ts';
import { candidates, type Plan, plan, product, type TilePlan } from './linear.product.ts';
import { dequantizeRef, linearBackwardRef, linearRef } from './linear.ref.ts';
import { linear } from './linear.ts';
import type { LinearShape } from './linear.types.ts';
import type { Q4Meta, Weight } from './weights.ts';

type Stored = 'f16' | 'f32' | `${Q4Meta} ${number}`;

interface Case {
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

/** Random weights and what they mean; `magnitude` bounds the parts that a weight is made of. */
function weights(
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
  const weight: Weight = {
    kind: 'q4',
    N,
    K,
    group,
    meta,
    words: toGpu(g, 'words', 'u32', [N, Math.ceil(K / 8)], words),
    params: toGpu(g, 'params', 'u32', [N, params.length / N], params),
  };
  return { weight, W, magnitude: W.map((v, i) => Math.abs(v - offset[i]) + Math.abs(offset[i])) };
}

const shuffled = (n: number): number[] => {
  const next = uniform(13);
  const keys = Array.from({ length: n }, next);
  return [...keys.keys()].sort((i, j) => keys[i] - keys[j]);
};

/** Runs one case, through `linear` or in a given plan, checks every element of y, and returns the labels that ran. */
async function run(g: Gpu, c: Case, forced?: Plan): Promise<string[]> {
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
  const chained = forced?.form === 'skinny' ? 4 * forced.CHAIN * EPS.f16 : 0;
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
const named = (cases: Case[]) => cases.map((c) => [describeCase(c), c] as const);

// Remainders of every tile, every meta, groups of 8 to beyond K, short last groups, K past a word's end. Shapes are
// chosen to share pipelines, since lavapipe takes a second or more to compile one.
const MANY_ROWS: Case[] = [
  { M: 65, N: 68, K: 64, w: 'offset16 32', bias: true },
  { M: 130, N: 132, K: 584, w: 'offset16 128', before: 4, after: 8, scale: 0.5 },
  { M: 96, N: 36, K: 160, w: 'offset16 160', rows: 70, perm: true },
  { M: 17, N: 33, K: 584, w: 'zero16 128', before: 5, after: 2 },
  { M: 32, N: 65, K: 72, w: 'zero16 8', bias: true },
  { M: 2, N: 41, K: 40, w: 'zero16 16', scale: 16 },
  { M: 12, N: 64, K: 61, w: 'offset32 8', add: true, scale: 16 },
  { M: 16, N: 35, K: 30, w: 'offset32 64', add: true, bias: true, before: 1 },
  { M: 33, N: 24, K: 96, w: 'zero16 96', x: 'f32' },
  { M: 66, N: 68, K: 100, w: 'f16', bias: true },
  { M: 17, N: 39, K: 33, w: 'f16', before: 1 },
  { M: 9, N: 1, K: 1, w: 'f32', y: 'f32' },
  { M: 300, N: 20, K: 19, w: 'f32', rows: 257, y: 'f32' },
];

const FEW_ROWS: Case[] = [
  { M: 1, N: 17, K: 64, w: 'offset16 32' },
  { M: 1, N: 130, K: 4608, w: 'offset16 128', bias: true, before: 3, after: 1 },
  { M: 2, N: 33, K: 576, w: 'offset32 64', add: true, scale: 16 },
  { M: 3, N: 5, K: 96, w: 'zero16 96' },
  { M: 20, N: 65, K: 128, w: 'offset16 32', rows: 13, bias: true, x: 'f32' },
  { M: 1, N: 7, K: 4, w: 'f32' },
  { M: 5, N: 33, K: 576, w: 'f16', add: true },
];

/** The form that many rows run in, by what the GPU is and not by what `plan` says; tensor cores decide by the shape. */
function manyRowsForm(g: Gpu, shape: LinearShape): string {
  if (g.caps.matrix) return plan(g.caps, shape).form;
  return g.caps.subgroups?.max === 8 && g.caps.subgroups.min === 8 ? 'lanes' : 'tile';
}

const shapeOfCase = (g: Gpu, { M, N, K, w, x, y, add, before = 0, after = 0 }: Case): LinearShape => {
  const [meta, group] = w.split(' ');
  const dense = w === 'f16' || w === 'f32';
  const stored = dense
    ? ({ kind: 'dense', w } as const)
    : ({ kind: 'q4', w: 'u32', meta: meta as Q4Meta, group: Number(group) } as const);
  const [X, Y] = [x ?? g.activation, add ? 'f32' : (y ?? g.activation)];
  return { M, N, K, ...stored, x: X, y: Y, ldy: before + N + after, column: before };
};

describeGpus('linear', (gpu) => {
  test.each(named(MANY_ROWS))('%s', async (_, c) => {
    const kind = c.w.startsWith('f') ? 'dense' : 'q4';
    const labels = await run(gpu(), c);
    const form = manyRowsForm(gpu(), shapeOfCase(gpu(), c));
    expect(labels).toEqual([...(c.perm ? ['permute_columns'] : []), `linear ${kind} ${form}`]);
  });

  test.each(named(FEW_ROWS))('%s', async (_, c) => {
    const g = gpu();
    const kind = c.w.startsWith('f') ? 'dense' : 'q4';
    // lavapipe prefers its lanes; with subgroups of other sizes it would stream, as every GPU does.
    const caps = { ...g.caps, subgroups: g.caps.subgroups && { min: 4, max: 128 } };
    const vector = plan(caps, shapeOfCase(g, c));
    expect(vector.form).toBe('vector');
    expect(await run(g, c, vector)).toEqual([`linear ${kind} vector`]);
  });

  // Where the shapes above run in another form on this GPU, the tile form still has to be right.
  test('tiles, staged in the activation type', async () => {
    const g = gpu();
    const p: TilePlan = { form: 'tile', TM: 64, TN: 64, BK: 16, BM: 2, BN: 2, WG: 64, stage: g.activation };
    expect(await run(g, { M: 130, N: 132, K: 88, w: 'offset16 32', bias: true }, p)).toEqual(['linear q4 tile']);
    const small: TilePlan = { ...p, TM: 16, TN: 32, BM: 1, BN: 1, WG: 32 };
    expect(await run(g, { M: 33, N: 68, K: 52, w: 'f16' }, small)).toEqual(['linear dense tile']);
  });

  test.each(
    named([
      { M: 5, N: 33, K: 96, w: 'zero16 32', bias: true },
      { M: 67, N: 68, K: 88, w: 'offset16 32', rows: 66 },
      { M: 2, N: 37, K: 20, w: 'f32', y: 'f32', before: 1 },
    ]),
  )('every plan that a tuning may choose for %s', async (_, c) => {
    for (const p of candidates(gpu().caps, shapeOfCase(gpu(), c))) {
      const labels = await run(gpu(), c, p);
      expect(labels[0]).toContain(p.form);
    }
  });

  test('vector without subgroups', async () => {
    const forced = { form: 'vector', MR: 2, NR: 4, WG: 64, subgroups: 0 } as const;
    expect(await run(gpu(), { M: 2, N: 11, K: 96, w: 'offset16 32' }, forced)).toEqual(['linear q4 vector']);
  });

  test('no rows: nothing is written', async () => {
    await run(gpu(), { M: 1, N: 8, K: 32, w: 'offset16 32', rows: 0 });
    await run(gpu(), { M: 65, N: 68, K: 32, w: 'offset16 32', rows: 0 });
  });

  test('tensors that do not fit each other are refused', async () => {
    const g = gpu();
    const { weight } = weights(g, 'f32', 4, 8);
    const [x, y, rows] = [g.tensor('x', 'f32', [2, 8]), g.tensor('y', 'f32', [2, 4]), g.dim('rows', 2)];
    const call = (a: object) => runOnce(g, (r) => linear(r, { x, weight, y, rows, ...a }));
    await expect(call({ x: g.tensor('x', 'f32', [2, 7]) })).rejects.toThrow('x has 7 columns and W takes 8');
    await expect(call({ y: g.tensor('y', 'f32', [1, 4]) })).rejects.toThrow('y has 1 rows');
    await expect(call({ column: 1 })).rejects.toThrow("do not fit y's 4");
    if (g.caps.f16) await expect(call({ y: g.tensor('y', 'f16', [2, 4]), add: true })).rejects.toThrow('f32');
  });
});

describe('plan', () => {
  const shape = (s: Partial<LinearShape>): LinearShape => ({
    M: 512,
    N: 1536,
    K: 576,
    kind: 'q4',
    w: 'u32',
    group: 32,
    meta: 'offset16',
    x: 'f16',
    y: 'f16',
    ldy: 1536,
    column: 0,
    ...s,
  });
  const gpuCaps: Caps = { ...PORTABLE_CAPS, tier: 'subgroup', f16: true, subgroups: { min: 32, max: 32 } };
  const cpuCaps: Caps = { ...gpuCaps, subgroups: { min: 8, max: 8 } };

  test('the form follows rows, alignment and subgroups', () => {
    expect(plan(PORTABLE_CAPS, shape({ x: 'f32', y: 'f32' })).form).toBe('tile');
    expect(plan(gpuCaps, shape({})).form).toBe('tile');
    expect(plan(cpuCaps, shape({})).form).toBe('lanes');
    expect(plan({ ...gpuCaps, subgroups: { min: 8, max: 32 } }, shape({})).form).toBe('tile');
    expect(plan(cpuCaps, shape({ M: 1 })).form).toBe('lanes');
    for (const caps of [PORTABLE_CAPS, gpuCaps]) {
      expect(plan(caps, shape({ M: 1 })).form).toBe('vector');
      expect(plan(caps, shape({ M: 31 })).form).toBe('vector');
      expect(plan(caps, shape({ M: 32 })).form).toBe('tile');
      expect(plan(caps, shape({ M: 1, K: 584 })).form).toBe('tile');
      expect(plan(caps, shape({ M: 1, group: 16 })).form).toBe('tile');
      expect(plan(caps, shape({ M: 1, kind: 'dense', w: 'f16', K: 580 })).form).toBe('vector');
      expect(plan(caps, shape({ M: 1, kind: 'dense', w: 'f16', K: 582 })).form).toBe('tile');
    }
  });

  test('operands are staged in f16 only where neither has more', () => {
    expect(plan(gpuCaps, shape({}))).toMatchObject({ stage: 'f16' });
    expect(plan(gpuCaps, shape({ x: 'f32' }))).toMatchObject({ stage: 'f32' });
    expect(plan(gpuCaps, shape({ kind: 'dense', w: 'f32' }))).toMatchObject({ stage: 'f32' });
  });

  test('every plan stays within 256 threads and 16 KiB', () => {
    for (const caps of [PORTABLE_CAPS, gpuCaps, cpuCaps, { ...gpuCaps, subgroups: { min: 4, max: 128 } }])
      for (const M of [1, 2, 3, 5, 8, 9, 16, 17, 33, 64, 4096])
        for (const N of [1, 32, 33, 64, 151936])
          for (const x of ['f16', 'f32'] as const) {
            const p = plan(caps, shape({ M, N, x }));
            if (!('WG' in p)) throw new Error(`${p.form}: not of these caps, or left to a tuning`);
            expect(p.WG).toBeLessThanOrEqual(256);
            if (p.form === 'tile') {
              const bytes = p.BK * ((p.TM + p.TN) / 4 + 2) * (p.stage === 'f16' ? 8 : 16);
              expect(bytes).toBeLessThanOrEqual(16384);
              expect(p.WG * 16 * p.BM * p.BN).toBe(p.TM * p.TN);
            }
            if (p.form === 'vector') {
              expect(4 * p.MR * p.NR * (p.subgroups || p.WG)).toBeLessThanOrEqual(16384);
              expect(p.WG % (p.MR * p.NR)).toBe(0);
            }
          }
  });
});

describe('the reference', () => {
  test('int4 weights by hand', () => {
    // Nibbles 1 and 15 in the first word, 2 in the second; groups of 8, the last one short.
    const words = [0xf1, 0x2];
    const half = toHalf(0.5) + toHalf(-3) * 65536;
    const three = toHalf(0.5) + toHalf(3) * 65536;
    const at = (W: Float64Array) => [W[0], W[1], W[2], W[8]];
    expect(at(dequantizeRef(words, [half, half], 1, 9, 8, 'offset16'))).toEqual([-2.5, 4.5, -3, -2]);
    expect(at(dequantizeRef(words, [three, three], 1, 9, 8, 'zero16'))).toEqual([-1, 6, -1.5, -0.5]);
    const wide = [...new Uint32Array(Float32Array.of(0.1, -3).buffer)];
    const tenth = Math.fround(0.1);
    expect(at(dequantizeRef(words, [...wide, ...wide], 1, 9, 8, 'offset32'))).toEqual([
      tenth - 3,
      15 * tenth - 3,
      -3,
      2 * tenth - 3,
    ]);
  });

  test('its gradient agrees with central differences', () => {
    const [M, N, K, h, scale] = [2, 3, 5, 1e-4, 0.5];
    const [x, W, b, dy] = [normal(1, M * K), normal(2, N * K), normal(3, N), normal(4, M * N)];
    const { dx, dW, dbias } = linearBackwardRef(x, W, dy, M, N, K, scale);
    const loss = (x: Float64Array, W: Float64Array, bias: Float64Array) =>
      linearRef(x, W, M, N, K, { bias, scale }).reduce((s, y, i) => s + y * dy[i], 0);
    const bump = (a: Float64Array, i: number, by: number) => a.map((v, j) => (j === i ? v + by : v));
    const slopes = (a: Float64Array, f: (a: Float64Array) => number) =>
      a.map((_, i) => (f(bump(a, i, h)) - f(bump(a, i, -h))) / (2 * h));
    expectClose(
      dx,
      slopes(x, (x) => loss(x, W, b)),
      1e-9,
      1e-10,
    );
    expectClose(
      dW,
      slopes(W, (W) => loss(x, W, b)),
      1e-9,
      1e-10,
    );
    expectClose(
      dbias,
      slopes(b, (b) => loss(x, W, b)),
      1e-9,
      1e-10,
    );
  });
});
