import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { expectClose, fromGpu, normal, poisoned, runOnce, toGpu, uniform } from '../../test/numeric.ts';
import { permuteColumnsBackwardRef, permuteColumnsRef } from './permute_columns.ref.ts';
import { permuteColumns } from './permute_columns.ts';

/** A seeded shuffle of 0 .. n - 1. */
function shuffled(seed: number, n: number): number[] {
  const next = uniform(seed);
  const keys = Array.from({ length: n }, next);
  return [...keys.keys()].sort((a, b) => keys[a] - keys[b]);
}

describeGpus('permute_columns', (gpu) => {
  test.each([
    [1, 1],
    [3, 17],
    [5, 576],
    [2, 1031],
  ])('[%d, %d]', async (M, K) => {
    const g = gpu();
    const x = normal(1, M * K, g.activation);
    const perm = shuffled(2, K);
    // One row more than is counted, which must stay as it was.
    const y = poisoned(g, 'y', g.activation, [M + 1, K]);
    await runOnce(g, (r) =>
      permuteColumns(r, {
        x: toGpu(g, 'x', g.activation, [M, K], x),
        perm: toGpu(g, 'perm', 'u32', [K], perm),
        y,
        rows: g.dim('rows', M),
      }),
    );
    const got = await fromGpu(g, y);
    expectClose(got.slice(0, M * K), permuteColumnsRef(x, perm, M, K), 0, 0);
    expect(got.slice(M * K).every(Number.isNaN)).toBe(true);
  });
});

test('the backward pass is the transpose of the forward', () => {
  const [M, K] = [3, 7];
  const x = normal(3, M * K);
  const dy = normal(4, M * K);
  const perm = shuffled(5, K);
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((s, v, i) => s + v * b[i], 0);
  expectClose(
    [dot(permuteColumnsRef(x, perm, M, K), dy)],
    [dot(x, permuteColumnsBackwardRef(dy, perm, M, K))],
    1e-12,
    0,
  );
});
