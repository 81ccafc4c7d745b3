import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { poolLastBackwardRef, poolLastRef, poolMeanBackwardRef, poolMeanRef } from './pool.ref.ts';
import { poolLast, poolMean } from './pool.ts';

// [sequence lengths, channels]
const CASES: [number[], number][] = [
  [[1], 1],
  [[1, 7, 33, 128, 2], 97],
  [[3, 1, 1, 5], 576],
];

const startsOf = (lengths: number[]) => {
  const starts = [0];
  for (const length of lengths) starts.push(starts[starts.length - 1] + length);
  return starts;
};

describeGpus('pool', (gpu) => {
  test.each(CASES)('lengths %j, %d channels', async (lengths, C) => {
    const g = gpu();
    const starts = startsOf(lengths);
    const [S, T] = [lengths.length, starts[lengths.length]];
    const values = normal(1, T * C);
    const h = toGpu(g, 'h', 'f32', [T, C], values);
    const startTensor = toGpu(g, 'starts', 'u32', [S + 1], starts);
    // One row more than there are sequences: it must stay as it was.
    const last = poisoned(g, 'last', 'f32', [S + 1, C]);
    const mean = poisoned(g, 'mean', 'f32', [S + 1, C]);
    const count = g.dim('count', S);
    const ran = await runOnce(g, (r) => {
      poolLast(r, { h, starts: startTensor, y: last, count });
      poolMean(r, { h, starts: startTensor, y: mean, count });
    });
    expect(ran.map((d) => d.label)).toEqual(['pool last', 'pool mean']);
    expect((await fromGpu(g, last)).slice(0, S * C)).toEqual(poolLastRef(values, starts, C));
    // n - 1 sums of numbers that add up to at most Σ|h|, then a quotient (2.5 units of 2^-23 in WGSL).
    const sizes = poolMeanRef(values.map(Math.abs), starts, C);
    const atol = sizes.map((size, i) => (lengths[Math.floor(i / C)] + 5) * EPS.f32 * size);
    expectClose((await fromGpu(g, mean)).slice(0, S * C), poolMeanRef(values, starts, C), 0, atol);
    for (const y of [last, mean]) expect((await fromGpu(g, y)).slice(S * C).every(Number.isNaN)).toBe(true);
    g.free(h, startTensor, last, mean);
  });
});

test.each([
  ['last', poolLastRef, poolLastBackwardRef],
  ['mean', poolMeanRef, poolMeanBackwardRef],
] as const)('the reference gradient of %s agrees with central differences', (_, forward, backward) => {
  const [C, step] = [2, 1e-5];
  const starts = [0, 3, 4];
  const h = normal(3, 4 * C);
  const dy = normal(4, 2 * C);
  const loss = (h: Float64Array) => forward(h, starts, C).reduce((s, y, i) => s + y * dy[i], 0);
  const bump = (i: number, by: number) => h.map((v, j) => (j === i ? v + by : v));
  const slopes = Float64Array.from(h, (_, i) => (loss(bump(i, step)) - loss(bump(i, -step))) / (2 * step));
  expectClose(backward(dy, starts, C), slopes, 1e-6, 1e-8);
});
