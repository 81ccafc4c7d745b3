import { expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { toHalf } from '../../src/half.ts';
import { describeGpus } from '../../test/gpus.ts';
import { describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu, uniform } from '../../test/numeric.ts';
import { permuteColumnsBackwardRef } from '../permute_columns/permute_columns.ref.ts';
import type { GemmPlan } from './gemm.matrix.ts';
import {
  type BackwardShape,
  type BackwardTile,
  linearBackward,
  planBackward,
  planBackwardTile,
} from './linear.backward.ts';
import { q4OnGpu } from './linear.check.ts';
import { dequantizeRef, linearBackwardRef } from './linear.ref.ts';
import { TALL } from './linear.tall.ts';
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
  dy?: 'f32';
  dx?: 'f32';
  add?: boolean;
  scale?: number;
  /** Columns of dy before and after. */
  before?: number;
  after?: number;
  perm?: boolean;
  plan?: Partial<BackwardTile>;
  /** Instead of a tile: this plan, or the one that the shape gets. */
  matrix?: GemmPlan | true;
}

/** Random weights, and what they mean. Nibbles past K are random too. */
function weights(g: Gpu, w: Stored, N: number, K: number): { weight: Weight; W: Float64Array } {
  if (w === 'f16' || w === 'f32') {
    const W = normal(11, N * K, w);
    return { weight: { kind: 'dense', N, K, data: toGpu(g, 'W', w, [N, K], W) as never }, W };
  }
  const [meta, group] = [w.split(' ')[0] as Q4Meta, Number(w.split(' ')[1])];
  const next = uniform(12);
  const words = Uint32Array.from({ length: N * Math.ceil(K / 8) }, () => next() * 2 ** 32);
  const groups = Math.ceil(K / group);
  const a = () => (0.05 + next()) * (next() < 0.5 ? -0.2 : 0.2);
  const params =
    meta === 'offset32'
      ? new Uint32Array(Float32Array.from({ length: 2 * N * groups }, (_, i) => (i % 2 ? 15 * a() : a())).buffer)
      : Uint32Array.from({ length: N * groups }, () => {
          const b = meta === 'zero16' ? Math.floor(next() * 17) : 8 * a();
          return toHalf(a()) + toHalf(b) * 65536;
        });
  const weight = q4OnGpu(g, { N, K, group, meta }, words, params);
  return { weight, W: dequantizeRef(words, params, N, K, group, meta) };
}

const shuffled = (n: number): number[] => {
  const next = uniform(13);
  const keys = Array.from({ length: n }, next);
  return [...keys.keys()].sort((i, j) => keys[i] - keys[j]);
};

/** Runs one case, checks every element of dx, and returns the labels that ran. */
async function run(g: Gpu, c: Case): Promise<string[]> {
  const { M, N, K, rows = M, add = false, scale = 1, before = 0, after = 0 } = c;
  const [dyType, dxType] = [c.dy ?? g.activation, c.dx ?? g.activation];
  const { weight, W } = weights(g, c.w, N, K);
  const ldy = before + N + after;
  const dy = normal(1, M * ldy, dyType);
  // What lies past the last row is not read; what lies beside the columns is another layer's.
  const given = dy.map((v, i) => (i < rows * ldy ? v : Number.NaN));
  const held = normal(3, M * K, dxType);
  const dx = add ? toGpu(g, 'dx', dxType, [M, K], held) : poisoned(g, 'dx', dxType, [M, K]);
  const perm = c.perm ? shuffled(K) : undefined;
  const call = {
    dy: toGpu(g, 'dy', dyType, [M, ldy], given),
    column: before,
    weight: (perm ? { ...weight, perm: toGpu(g, 'perm', 'u32', [K], perm) } : weight) as Weight,
    dx,
    rows: g.dim('rows', rows),
    add,
    scale,
  };
  const w = weight.kind === 'q4' ? 'u32' : weight.data.dtype;
  const matrix = c.matrix === true ? undefined : c.matrix;
  const plan = c.matrix ? matrix : { ...planBackwardTile({ M, N, K, w, dy: dyType }), ...c.plan };
  const ran = await runOnce(g, (r) => linearBackward(r, call, 'linear', plan));

  const own = Float64Array.from({ length: M * N }, (_, i) => dy[Math.floor(i / N) * ldy + before + (i % N)]);
  const backward = (dy: Float64Array, W: Float64Array) => {
    const { dx } = linearBackwardRef(new Float64Array(M * K), W, dy, M, N, K, scale);
    return perm ? permuteColumnsBackwardRef(dx, perm, M, K) : dx;
  };
  const sums = backward(own, W);
  const sizes = backward(own.map(Math.abs), W.map(Math.abs));
  // A sum of N terms is off by at most N roundoffs of the sum of their sizes; an int4 weight a q + b by 2 roundoffs
  // of |a q| + |b|, at most 4 times the 15 · 0.21 + 25 of the numbers above. Weights that pass through f16 are rounded
  // to it, and so is what is stored.
  // Subgroup matrices take both operands as f16, and a weight may be rounded twice.
  const f16 = c.matrix || (dyType === 'f16' && c.w !== 'f32');
  const roundings = c.matrix ? 3 : 1;
  const dySizes = own.map((v) => 120 * Math.abs(v) * scale);
  const expected = held.slice();
  const atol = new Float64Array(M * K);
  for (let m = 0; m < M; m++) {
    const rowSize = dySizes.slice(m * N, (m + 1) * N).reduce((a, b) => a + b, 0);
    for (let k = 0; k < K; k++) {
      const i = m * K + k;
      if (m >= rows) {
        expected[i] = add ? held[i] : 0;
        continue;
      }
      expected[i] = sums[i] + (add ? held[i] : 0);
      atol[i] =
        (N + 16) * EPS.f32 * (sizes[i] + Math.abs(held[i])) + (f16 ? roundings * (EPS.f16 + 2 ** -20) * sizes[i] : 0);
      if (weight.kind === 'q4') atol[i] += (c.matrix ? EPS.f16 : EPS.f32) * rowSize;
      atol[i] += EPS[dxType] * (Math.abs(expected[i]) + atol[i]) + (dxType === 'f16' ? 2 ** -25 : 0);
    }
  }
  const got = await fromGpu(g, dx);
  if (!add) {
    expect(got.slice(rows * K).every(Number.isNaN)).toBe(true);
    got.fill(0, rows * K);
  }
  expectClose(got, expected, 0, atol);
  return ran.map((d) => d.label);
}

// Every remainder of every tile, every meta, groups of 8 to beyond K, short last groups, K past a word's end, spans.
const CASES: Case[] = [
  { M: 17, N: 33, K: 64, w: 'offset16 32' },
  { M: 65, N: 96, K: 136, w: 'zero16 128', before: 5, after: 2 },
  { M: 33, N: 65, K: 96, w: 'offset32 96', dy: 'f32' },
  { M: 130, N: 132, K: 72, w: 'zero16 8', dx: 'f32', add: true, scale: 0.5, before: 4, after: 4 },
  { M: 12, N: 20, K: 61, w: 'offset16 8', add: true },
  { M: 40, N: 36, K: 30, w: 'offset32 64', scale: 16 },
  { M: 70, N: 24, K: 160, w: 'offset16 64', rows: 66, perm: true },
  { M: 9, N: 24, K: 40, w: 'zero16 16', perm: true, add: true, dx: 'f32' },
  { M: 66, N: 68, K: 100, w: 'f16', before: 1 },
  { M: 17, N: 31, K: 62, w: 'f16', dy: 'f32', dx: 'f32' },
  { M: 70, N: 33, K: 19, w: 'f32', add: true },
  { M: 300, N: 40, K: 36, w: 'f32', rows: 257 },
  { M: 3, N: 1, K: 1, w: 'f32', dy: 'f32', dx: 'f32' },
  { M: 50, N: 576, K: 32, w: 'f32', rows: 41, dx: 'f32', scale: 2 },
  { M: 20, N: 70, K: 72, w: 'offset16 32', add: true, scale: 2, plan: { splits: 3 } },
];

const named = CASES.map((c) => [JSON.stringify(c).replaceAll('"', ''), c] as const);

describeGpus('linear backward', (gpu) => {
  test.each(named)('%s', async (_, c) => {
    const label = `linear backward ${c.w.startsWith('f') ? 'dense' : 'q4'}`;
    const splits = c.plan?.splits ?? planBackwardTile({ ...c, w: 'u32', dy: 'f32' }).splits;
    expect(await run(gpu(), c)).toEqual(splits > 1 ? [label, 'sum_parts'] : [label]);
  });

  test('no rows: nothing is written', async () => {
    await run(gpu(), { M: 4, N: 8, K: 32, w: 'offset16 32', rows: 0 });
  });

  test('tensors that do not fit each other are refused', async () => {
    const g = gpu();
    const { weight } = weights(g, 'f32', 4, 8);
    const [dy, dx, rows] = [g.tensor('dy', 'f32', [2, 4]), g.tensor('dx', 'f32', [2, 8]), g.dim('rows', 2)];
    const call = (a: object) => runOnce(g, (r) => linearBackward(r, { dy, weight, dx, rows, ...a }));
    await expect(call({ dx: g.tensor('dx', 'f32', [2, 7]) })).rejects.toThrow('dx has 7 columns and W takes 8');
    await expect(call({ dx: g.tensor('dx', 'f32', [1, 8]) })).rejects.toThrow('dx has 1 rows');
    await expect(call({ column: 1 })).rejects.toThrow("columns 1 to 5 are not in dy's 4");
  });
});

// Tiles of its own and the shape's: every meta, tails of M, K and the sum, columns beside, spans, act-order, no rows.
const small = { form: 'matrix', BM: 64, BN: 64, BK: 32, WM: 32, WN: 32, splits: 1 } as const;
const MATRIX: Case[] = [
  { M: 70, N: 72, K: 96, w: 'offset16 32', matrix: true },
  { M: 65, N: 48, K: 128, w: 'zero16 64', before: 8, after: 16, rows: 61, matrix: small, add: true, scale: 0.5 },
  { M: 40, N: 88, K: 160, w: 'offset32 96', dx: 'f32', matrix: { ...small, BK: 16, splits: 3 }, add: true, scale: 2 },
  { M: 33, N: 40, K: 64, w: 'zero16 32', perm: true, add: true, matrix: { ...small, splits: 2 } },
  { M: 130, N: 64, K: 136, w: 'f16', dx: 'f32', matrix: { ...small, BM: 128, BN: 128, WM: 64, WN: 64 } },
  { M: 50, N: 1040, K: 24, w: 'f32', rows: 41, dx: 'f32', matrix: true },
  { M: 70, N: 8, K: 72, w: 'f32', dy: 'f32', add: true, matrix: true },
];

describeMatrixGpu('linear backward', (gpu) => {
  test.each(MATRIX.map((c) => [JSON.stringify(c).replaceAll('"', ''), c] as const))('%s', async (_, c) => {
    const label = `linear backward ${c.w.startsWith('f') ? 'dense' : 'q4'} matrix`;
    const splits = c.matrix === true ? c.N > 1000 : c.matrix!.splits > 1 && !c.perm;
    expect(await run(gpu(), c)).toEqual(splits ? [label, 'sum_parts'] : [label]);
  });

  test('no rows: nothing is written', async () => {
    await run(gpu(), { M: 32, N: 32, K: 64, w: 'offset16 32', rows: 0, matrix: true });
  });
});

test.each<[string, Partial<BackwardShape>]>([
  ['rows of a handful', { M: 15 }],
  ['outputs in odd numbers', { N: 570 }],
  ['columns between two vectors', { ldy: 600, column: 4 }],
  ['groups of 16', { group: 16 }],
  ['int4 rows that end inside a read', { K: 600, group: 32 }],
])('no subgroup matrices for %s', (_, s) => {
  const shape: BackwardShape = { M: 512, N: 576, K: 576, w: 'u32', dy: 'f16', ...s };
  expect(planBackward(H200, shape).form).toBe('tile');
});

test('the tier matrix takes subgroup matrices, whole thin sides in one tile', () => {
  const form = (s: Partial<BackwardShape>) =>
    planBackward(H200, { M: 5888, N: 3584, K: 3584, w: 'u32', dy: 'f16', ...s });
  const large = { form: 'matrix', BM: 128, BN: 128, BK: 64, WM: 64, WN: 64, splits: 1 };
  expect(form({})).toEqual(TALL);
  expect(form({ scattered: true })).toEqual({ ...large, BK: 32 });
  expect(form({ w: 'f16', masked: true })).toEqual(large);
  expect(form({ M: 2304, K: 896, N: 896 })).toEqual(large);
  expect(form({ N: 32, w: 'f32', dy: 'f32' })).toEqual({ ...large, BK: 32, WM: 32 });
  expect(form({ K: 40, w: 'f32' })).toEqual({ form: 'matrix', BM: 128, BN: 48, BK: 64, WM: 32, WN: 48, splits: 2 });
  expect(form({ M: 512, K: 896 })).toMatchObject({ BM: 64, BN: 64, splits: 2 });
});

test('every plan stays within 256 threads and 16 KiB, and splits only where outputs are few', () => {
  const shape = (s: Partial<BackwardShape>): BackwardShape => ({ M: 512, N: 576, K: 576, w: 'u32', dy: 'f16', ...s });
  for (const M of [1, 16, 17, 33, 64, 5888])
    for (const K of [1, 32, 33, 64, 4864]) {
      const p = planBackwardTile(shape({ M, K, dy: 'f32' }));
      expect(p.WG).toBeLessThanOrEqual(256);
      expect(16 * p.STEP * ((p.TM + p.TK) / 4 + 2)).toBeLessThanOrEqual(16384);
      expect(p.WG * 16 * p.BM * p.BK).toBe(p.TM * p.TK);
    }
  expect(planBackwardTile(shape({ M: 5888 }))).toMatchObject({ splits: 1, stage: 'f16' });
  expect(planBackwardTile(shape({ M: 5888, K: 32, N: 4864, w: 'f32' }))).toMatchObject({
    splits: 2,
    stage: 'f32',
  });
  expect(planBackwardTile(shape({ M: 512, K: 32, N: 64 })).splits).toBe(1);
});
