import { expect, test } from 'vitest';
import { PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { dropoutRef } from '../dropout/dropout.ref.ts';
import { keyOf } from '../dropout/philox.ts';
import { linearBackwardRef } from './linear.ref.ts';
import { planWeightGradient, type WeightGradientPlan, weightGradient } from './weight_gradient.ts';

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
  plan?: Partial<WeightGradientPlan>;
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

describeGpus('weight gradient', (gpu) => {
  test.each(named)('%s', async (_, c) => {
    const g = gpu();
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
    const plan = { ...planWeightGradient(g.caps, { M, N, K, dy: dyType, x: xType }), ...c.plan };
    const DY = toGpu(g, 'dy', dyType, [M, ldy], past(dy, ldy));
    const X = toGpu(g, 'x', xType, [M, K], past(x, K));
    const ran = await runOnce(g, (r) => {
      const call = { dy: DY, column: before, x: X, N, dW: { data, offset }, rows: g.dim('rows', rows) };
      weightGradient(r, { ...call, add, scale, dropout }, 'linear', plan);
    });
    const labels = plan.splits > 1 ? ['linear weight gradient', 'sum_parts'] : ['linear weight gradient'];
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
    const staged = c.p && plan.stage === 'f16' ? EPS.f16 : 0;
    for (let i = 0; i < N * K; i++) {
      expected[offset + i] = sums[i] + (add ? held[offset + i] : 0);
      atol[offset + i] =
        (rows + plan.splits + 8) * EPS.f32 * (sizes[i] + Math.abs(held[offset + i])) + staged * sizes[i];
    }
    expectClose(await fromGpu(g, data), expected, 0, atol);
  });

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

test('every plan stays within 256 threads and 16 KiB, and splits only where outputs are few', () => {
  for (const [N, K] of [
    [1, 1],
    [32, 576],
    [4864, 32],
    [896, 4864],
  ]) {
    const p = planWeightGradient(PORTABLE_CAPS, { M: 5888, N, K, dy: 'f32', x: 'f32' });
    expect(p.WG).toBeLessThanOrEqual(256);
    expect(16 * p.STEP * ((p.TN + p.TK) / 4 + 2)).toBeLessThanOrEqual(16384);
    expect(p.WG * 16 * p.BN * p.BK).toBe(p.TN * p.TK);
    expect(p.splits > 1).toBe(N * K < 10 ** 6);
  }
  expect(planWeightGradient(PORTABLE_CAPS, { M: 100, N: 8, K: 8, dy: 'f16', x: 'f16' })).toMatchObject({ splits: 1 });
});
