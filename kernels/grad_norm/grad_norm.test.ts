import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { gradNormRef } from './grad_norm.ref.ts';
import { gradNorm, plan, setGradNorm } from './grad_norm.ts';

// [elements of each tensor, deviation, loss scale, clip]: few different sizes, for each is a pipeline to compile.
const CASES: [number[], number, number, number][] = [
  [[1], 1, 1, 0],
  [[3, 1030], 1e-3, 65536, 0],
  [[70_001, 5, 3], 10, 1024, 1],
  [[3, 1030], 1e-6, 1, 1],
  // Squared before it is unscaled, this would overflow.
  [[3, 1030], 1e21, 2 ** 40, 1e6],
];

describeGpus('grad_norm', (gpu) => {
  const run = async (values: Float64Array[], lossScale: number, clip: number) => {
    const g = gpu();
    const gradients = values.map((v, i) => toGpu(g, `g${i}`, 'f32', [v.length], v));
    const stats = poisoned(g, 'stats', 'f32', [4]);
    const state = g.dim('state');
    setGradNorm(state, { lossScale, clip });
    await runOnce(g, (r) => gradNorm(r, { gradients, stats, state }));
    const result = await fromGpu(g, stats);
    g.free(stats, ...gradients);
    return result;
  };

  test.each(CASES)('%j, deviation %d, loss scale %d, clip %d', async (sizes, deviation, lossScale, clip) => {
    const values = sizes.map((n, i) => normal(i + 1, n, 'f32', deviation));
    const [norm, finite, factor, broken] = await run(values, lossScale, clip);
    const reference = gradNormRef(Float64Array.from(values.flatMap((v) => [...v])), lossScale, clip);
    // A thread adds 64 squares or fewer here, the trees and the last sum a dozen more; the root halves it all.
    const rtol = 48 * EPS.f32;
    expectClose([norm, factor], [reference.norm, reference.factor], rtol, 0);
    expect([finite, broken]).toEqual([1, 0]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%d anywhere is found', async (bad) => {
    for (const at of [0, 1029]) {
      const values = normal(1, 1030);
      values[at] = bad;
      const [norm, finite, , broken] = await run([normal(2, 3), values], 1, 1);
      expect([finite, broken]).toEqual([0, 1]);
      expect(Number.isFinite(norm)).toBe(true);
    }
  });

  test('a norm beyond f32 is not finite, though every element is', async () => {
    const [, finite, , broken] = await run([normal(1, 3), new Float64Array(1030).fill(Math.fround(3e30))], 1, 0);
    expect([finite, broken]).toEqual([0, 0]);
  });

  test('the same gradients give the same bits', async () => {
    const values = [normal(5, 3), normal(6, 1030)];
    expect(await run(values, 3, 1)).toEqual(await run(values, 3, 1));
  });
});

test('workgroups', () => {
  const caps = {} as Parameters<typeof plan>[0];
  expect(plan(caps, 1).WORKGROUPS).toBe(1);
  expect(plan(caps, 16385).WORKGROUPS).toBe(2);
  expect(plan(caps, 2 ** 30).WORKGROUPS).toBe(1024);
});

test('the reference clips as torch.nn.utils.clip_grad_norm_', () => {
  expect(gradNormRef([6, 8], 2, 0)).toEqual({ norm: 5, finite: true, factor: 0.5, broken: 0 });
  expect(gradNormRef([6, 8], 2, 1).factor).toBeCloseTo(0.5 * (1 / (5 + 1e-6)), 12);
  expect(gradNormRef([6, 8], 2, 100).factor).toBe(0.5);
  expect(gradNormRef([Number.NaN, 3, Number.POSITIVE_INFINITY], 1, 0)).toEqual({
    norm: 3,
    finite: false,
    factor: 1,
    broken: 2,
  });
});
