import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { poolLastBackward, poolMeanBackward } from './pool.backward.ts';
import { poolLastBackwardRef, poolMeanBackwardRef } from './pool.ref.ts';

describeGpus('pool backward', (gpu) => {
  test.each([
    [[1], 1],
    [[1, 7, 33, 128, 2], 97],
    [[3, 1, 1, 5], 576],
  ] as [number[], number][])('lengths %j, %d channels', async (lengths, C) => {
    const g = gpu();
    const starts = [0];
    for (const length of lengths) starts.push(starts[starts.length - 1] + length);
    const [S, T] = [lengths.length, starts[lengths.length]];
    const values = normal(1, S * C);
    const dy = toGpu(g, 'dy', 'f32', [S, C], values);
    const startTensor = toGpu(g, 'starts', 'u32', [S + 1], starts);
    // One row more than there are tokens: it must stay as it was.
    const [last, mean] = ['last', 'mean'].map((label) => poisoned(g, label, 'f32', [T + 1, C]));
    const count = g.dim('count', S);
    const ran = await runOnce(g, (r) => {
      poolLastBackward(r, { dy, starts: startTensor, dh: last, count });
      poolMeanBackward(r, { dy, starts: startTensor, dh: mean, count });
    });
    expect(ran.map((d) => d.label)).toEqual(['pool last backward', 'pool mean backward']);
    expect((await fromGpu(g, last)).slice(0, T * C)).toEqual(poolLastBackwardRef(values, starts, C));
    // A quotient: 2.5 units of 2^-23 in WGSL.
    expectClose(
      (await fromGpu(g, mean)).slice(0, T * C),
      poolMeanBackwardRef(values, starts, C),
      2.5 * 2 ** -23,
      1e-37,
    );
    for (const dh of [last, mean]) expect((await fromGpu(g, dh)).slice(T * C).every(Number.isNaN)).toBe(true);
  });
});
