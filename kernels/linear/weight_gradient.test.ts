import { expect, test } from 'vitest';
import { SQUARE } from '../../scripts/device/adapters.tiles.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { describeGpus } from '../../test/gpus.ts';
import { describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { dropoutRef } from '../dropout/dropout.ref.ts';
import { keyOf } from '../dropout/philox.ts';
import type { GemmPlan } from './gemm.matrix.ts';
import { linearBackwardRef } from './linear.ref.ts';
import {
  planWeightGradient,
  planWeightGradientTile,
  type WeightGradientTile,
  weightGradient,
} from './weight_gradient.ts';

interface Case {
  M: number;
  N: number;
  K: number;
  rows?: number;
  dy?: 'f32';
  x?: 'f32';
  add?: boolean;
  scale?: number;
  /** Columns of dy before and after. */
  before?: number;
  after?: number;
  /** Elements of the flat buffer before dW. */
  offset?: number;
  p?: number;
  plan?: Partial<WeightGradientTile>;
  /** Instead of a tile: this plan, or the one that the shape gets. */
  matrix?: GemmPlan | true;
}

// Tails of every tile, one and several spans, spans that have no rows, ranks as N and as K, masks of odd widths.
const CASES: Case[] = [
  { M: 1, N: 1, K: 1 },
  { M: 33, N: 66, K: 70, scale: 2 },
  { M: 70, N: 68, K: 136, before: 4, after: 8, add: true, offset: 5 },
  { M: 300, N: 32, K: 96, dy: 'f32', rows: 270, p: 0.5 },
  { M: 40, N: 7, K: 33, x: 'f32', plan: { splits: 5 }, add: true, offset: 3, p: 0.25 },
  { M: 260, N: 40, K: 8, x: 'f32', rows: 5, before: 1 },
  { M: 20, N: 12, K: 20, rows: 0, plan: { splits: 2 } },
];

const named = CASES.map((c) => [JSON.stringify(c).replaceAll('"', ''), c] as const);

/** Runs one case, and checks the whole buffer and the labels that ran. */
async function run(g: Gpu, c: Case): Promise<void> {
  const { M, N, K, rows = M, add = false, scale = 1, before = 0, after = 0, offset = 0 } = c;
  const [dyType, xType] = [c.dy ?? g.activation, c.x ?? g.activation];
  const ldy = before + N + after;
  const dy = normal(1, M * ldy, dyType);
  const x = normal(2, M * K, xType);
  const size = offset + N * K + 2;
  const held = normal(3, size);
  const given = held.map((v, i) => (add || i < offset || i >= size - 2 ? v : Number.NaN));
  const data = toGpu(g, 'gradients', 'f32', [size], given);
  // What lies past the last row is not read.
  const past = <T extends Float64Array>(v: T, width: number) => v.map((e, i) => (i < rows * width ? e : Number.NaN));
  const dropout = c.p ? { p: c.p, site: 3, state: g.dim('state', ...keyOf(5), 7) } : undefined;
  const tile = { ...planWeightGradientTile({ M, N, K, dy: dyType, x: xType }), ...c.plan };
  const shape = { M, N, K, dy: dyType, x: xType, ldy, column: before };
  const plan = c.matrix === true ? planWeightGradient(g.caps, shape) : (c.matrix ?? tile);
  const DY = toGpu(g, 'dy', dyType, [M, ldy], past(dy, ldy));
  const X = toGpu(g, 'x', xType, [M, K], past(x, K));
  const ran = await runOnce(g, (r) => {
    const call = { dy: DY, column: before, x: X, N, dW: { data, offset }, rows: g.dim('rows', rows) };
    weightGradient(r, { ...call, add, scale, dropout }, 'linear', plan);
  });
  expect(plan.form).toBe(c.matrix ? 'matrix' : 'tile');
  const label = c.matrix ? 'linear weight gradient matrix' : 'linear weight gradient';
  const labels = plan.splits > 1 ? [label, 'sum_parts'] : [label];
  expect(ran.map((d) => d.label)).toEqual(labels);

  const own = Float64Array.from({ length: rows * N }, (_, i) => dy[Math.floor(i / N) * ldy + before + (i % N)]);
  const place = { key: keyOf(5), step: 7, site: 3, p: c.p ?? 0 };
  const seen = c.p ? dropoutRef(x, place) : x;
  const gradient = (x: Float64Array, dy: Float64Array) =>
    linearBackwardRef(x, new Float64Array(N * K), dy, rows, N, K, scale).dW;
  const [sums, sizes] = [gradient(seen, own), gradient(seen.map(Math.abs), own.map(Math.abs))];
  const expected = held.slice();
  const atol = new Float64Array(size);
  // A masked x is rounded once more where it is staged in f16. A sum of `rows` terms and of the spans' sums.
  const matrices =
    (Number(dyType === 'f32') + Number(xType === 'f32') + Number(c.p !== undefined)) * EPS.f16 + 2 ** -22;
  const staged = plan.form === 'matrix' ? matrices : c.p && plan.stage === 'f16' ? EPS.f16 : 0;
  for (let i = 0; i < N * K; i++) {
    expected[offset + i] = sums[i] + (add ? held[offset + i] : 0);
    atol[offset + i] = (rows + plan.splits + 8) * EPS.f32 * (sizes[i] + Math.abs(held[offset + i])) + staged * sizes[i];
  }
  expectClose(await fromGpu(g, data), expected, 0, atol);
}

describeGpus('weight gradient', (gpu) => {
  test.each(named)('%s', async (_, c) => run(gpu(), c));

  test('tensors that do not fit each other are refused', async () => {
    const g = gpu();
    const rows = g.dim('rows', 2);
    const [dy, x, data] = [
      poisoned(g, 'dy', 'f32', [2, 4]),
      poisoned(g, 'x', 'f32', [2, 8]),
      poisoned(g, 'dW', 'f32', [32]),
    ];
    const call = (a: object) => runOnce(g, (r) => weightGradient(r, { dy, x, N: 4, dW: { data }, rows, ...a }));
    await expect(call({ x: poisoned(g, 'x', 'f32', [1, 8]) })).rejects.toThrow('x has 1 rows');
    await expect(call({ column: 1 })).rejects.toThrow("columns 1 to 5 are not in dy's 4");
    await expect(call({ dW: { data, offset: 1 } })).rejects.toThrow('does not fit');
  });
});

// Ranks as N and as K, tails of every side, spans without rows, offsets between two vectors, masks, f32 operands.
const small = { form: 'matrix', BM: 64, BN: 64, BK: 32, WM: 32, WN: 32, splits: 1 } as const;
const MATRIX: Case[] = [
  { M: 70, N: 72, K: 136, matrix: true, before: 8, after: 16, add: true, offset: 8, scale: 2 },
  { M: 100, N: 40, K: 96, rows: 33, matrix: { ...small, splits: 3 }, add: true, offset: 5 },
  { M: 60, N: 32, K: 152, dy: 'f32', rows: 50, p: 0.5, offset: 3, matrix: true },
  { M: 1100, N: 80, K: 24, x: 'f32', rows: 1060, matrix: true },
  { M: 40, N: 128, K: 136, matrix: { ...small, BM: 128, BN: 128, WM: 64, WN: 64 } },
  { M: 32, N: 16, K: 24, rows: 0, matrix: true },
  // Tiles of three matrices a side that scripts/device/adapters.ts tries: a whole one, edges right of it and below.
  ...SQUARE.filter((tile) => tile.BM !== tile.BN && (tile.WM % 32 || tile.WN % 32)).map(
    (tile, i): Case => ({
      ...{ M: 70, N: tile.BM + 16, K: tile.BN + 8, rows: 67, add: true },
      matrix: { form: 'matrix', ...tile, splits: 1 + (i % 2) },
    }),
  ),
];

describeMatrixGpu('weight gradient', (gpu) => {
  test.each(MATRIX.map((c) => [JSON.stringify(c).replaceAll('"', ''), c] as const))('%s', async (_, c) =>
    run(gpu(), c),
  );
});

test('the tier matrix takes subgroup matrices, and spans where the outputs are few', () => {
  const of = (N: number, K: number, more = {}) =>
    planWeightGradient(H200, { M: 5888, N, K, dy: 'f16', x: 'f16', ...more });
  expect(of(576, 1536)).toMatchObject({ form: 'matrix', BM: 96, BN: 192, splits: 5 });
  expect(of(4864, 4864)).toMatchObject({ BM: 128, BN: 128, splits: 1 });
  expect(of(32, 3584, { dy: 'f32' })).toMatchObject({ BM: 32, BN: 128, splits: 9 });
  expect(of(3584, 32, { x: 'f32' })).toMatchObject({ BM: 64, BN: 32, splits: 7 });
  expect(of(33, 32).form).toBe('tile');
  expect(of(32, 32, { ldy: 40, column: 4 }).form).toBe('tile');
});

test('every plan stays within 256 threads and 16 KiB, and splits only where outputs are few', () => {
  for (const [N, K] of [
    [1, 1],
    [32, 576],
    [4864, 32],
    [896, 4864],
  ]) {
    const p = planWeightGradientTile({ M: 5888, N, K, dy: 'f32', x: 'f32' });
    expect(p.WG).toBeLessThanOrEqual(256);
    expect(16 * p.STEP * ((p.TN + p.TK) / 4 + 2)).toBeLessThanOrEqual(16384);
    expect(p.WG * 16 * p.BN * p.BK).toBe(p.TN * p.TK);
    expect(p.splits > 1).toBe(N * K < 10 ** 6);
  }
  expect(planWeightGradientTile({ M: 100, N: 8, K: 8, dy: 'f16', x: 'f16' })).toMatchObject({ splits: 1 });
});
