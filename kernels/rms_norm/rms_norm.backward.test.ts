import { expect, test } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { rmsNormBackward } from './rms_norm.backward.ts';
import { rmsNormBackwardRef } from './rms_norm.ref.ts';

describeGpus('rms_norm backward', (gpu) => {
  // [rows, channels, deviation of x, adds, dy f32]: one of each, a prime, SmolLM2's 576, a row longer than a workgroup.
  test.each([
    [1, 1, 1, false, true],
    [131, 97, 100, true, false],
    [5, 576, 1, true, true],
    [3, 1031, 1e-2, false, false],
  ])('[%d, %d], deviation %d, adds %j', async (M, C, deviation, add, wide) => {
    const g = gpu();
    const dyType = wide ? 'f32' : g.activation;
    const [x, weight, dy] = [normal(1, M * C, 'f32', deviation), normal(2, C), normal(3, M * C, dyType)];
    const reference = rmsNormBackwardRef(x, weight, dy, M, C, 1e-5);
    // One row more than is counted: it must stay as it was.
    const heldX = Float64Array.from([...normal(4, M * C), ...new Float64Array(C).fill(7)]);
    const held = normal(5, C + 4);
    const given = heldX.map((v, i) => (add || i >= M * C ? v : Number.NaN));
    const dx = toGpu(g, 'dx', 'f32', [M + 1, C], given);
    const flat = toGpu(g, 'gradients', 'f32', [C + 4], held);
    const copy = M > 3 ? poisoned(g, 'copy', dyType, [M + 1, C]) : undefined;
    const call = {
      copy,
      x: toGpu(g, 'x', 'f32', [M, C], x),
      weight: toGpu(g, 'weight', 'f32', [C], weight),
      dy: toGpu(g, 'dy', dyType, [M, C], dy),
      dx,
      rows: g.dim('rows', M),
      eps: 1e-5,
      add,
      dweight: { data: flat, offset: 3, add },
    };
    const ran = await runOnce(g, (r) => rmsNormBackward(r, call));
    expect(ran.map((d) => d.label)).toEqual(['rms_norm backward', 'rms_norm weight gradient', 'sum_parts']);

    // A sum is made by at least 64 threads, C / 64 terms each, and added by halves: as many roundoffs as its longest
    // chain has terms. scale is off by half of those of the squares, the mean by those of its terms' sizes, and it is
    // multiplied by scale twice; two dozen roundoffs come on top.
    const u = EPS.f32;
    const chain = Math.ceil(C / 64) + 8;
    const [expected, atol] = [heldX.slice(), new Float64Array(heldX.length)];
    const [weights, atolW] = [held.slice(), new Float64Array(held.length)];
    for (let m = 0; m < M; m++) {
      const at = (c: number) => m * C + c;
      let [squares, along] = [0, 0];
      for (let c = 0; c < C; c++) squares += x[at(c)] ** 2 / C;
      const scale = 1 / Math.sqrt(squares + 1e-5);
      for (let c = 0; c < C; c++) along += Math.abs(dy[at(c)] * weight[c] * x[at(c)]) / C;
      for (let c = 0; c < C; c++) {
        const size = scale * (Math.abs(dy[at(c)] * weight[c]) + Math.abs(x[at(c)]) * along * scale ** 2);
        expected[at(c)] = reference.dx[at(c)] + (add ? heldX[at(c)] : 0);
        atol[at(c)] = u * ((3 * chain + 24) * size + Math.abs(heldX[at(c)]));
        atolW[3 + c] += (chain + 8 + M) * u * Math.abs(dy[at(c)] * x[at(c)] * scale);
      }
    }
    for (let c = 0; c < C; c++) {
      weights[3 + c] = reference.dweight[c] + (add ? held[3 + c] : 0);
      atolW[3 + c] += 64 * u * Math.abs(held[3 + c]) + 64 * u * atolW[3 + c];
    }
    const got = await fromGpu(g, dx);
    expectClose(got, expected, 0, atol);
    if (copy) {
      const [copied, rounded] = [await fromGpu(g, copy), (v: number) => (dyType === 'f16' ? fromHalf(toHalf(v)) : v)];
      expect(copied.slice(0, M * C)).toEqual(got.slice(0, M * C).map(rounded));
      expect(copied.slice(M * C).every(Number.isNaN)).toBe(true);
    }
    expectClose(await fromGpu(g, flat), weights, 0, atolW);
  });

  test('a copy of another type than dy is refused', async () => {
    if (gpu().activation === 'f32') return;
    const call = {
      ...{ x: gpu().tensor('x', 'f32', [2, 8]), weight: gpu().tensor('weight', 'f32', [8]) },
      ...{
        dy: gpu().tensor('dy', 'f16', [2, 8]),
        dx: gpu().tensor('dx', 'f32', [2, 8]),
        rows: gpu().dim('rows', 2),
        eps: 1,
      },
    };
    const copy = gpu().tensor('copy', 'f32', [2, 8]);
    expect(() => rmsNormBackward(new Recorder(gpu()), { ...call, copy })).toThrow("copy is not of dy's type");
  });

  test('a frozen weight costs one dispatch', async () => {
    const g = gpu();
    const ran = await runOnce(g, (r) =>
      rmsNormBackward(r, {
        x: toGpu(g, 'x', 'f32', [2, 8], normal(1, 16)),
        weight: toGpu(g, 'weight', 'f32', [8], normal(2, 8)),
        dy: toGpu(g, 'dy', 'f32', [2, 8], normal(3, 16)),
        dx: poisoned(g, 'dx', 'f32', [2, 8]),
        rows: g.dim('rows', 0),
        eps: 1e-5,
      }),
    );
    expect(ran.map((d) => d.label)).toEqual(['rms_norm backward']);
  });
});
