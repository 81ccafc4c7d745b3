import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, runOnce, toGpu } from '../../test/numeric.ts';
import { swigluBackward } from './swiglu.backward.ts';
import { swigluBackwardRef } from './swiglu.ref.ts';

describeGpus('swiglu backward', (gpu) => {
  // [rows, columns, deviation of gate and up, scale]: every vector width, gates beyond exp's range.
  test.each([
    [1, 1, 1, 1],
    [5, 7, 30, 1],
    [131, 34, 50, 2 ** -4],
    [2, 1536, 1, 2],
  ])('[%d, %d], deviation %d, scale %d', async (T, F, deviation, scale) => {
    const g = gpu();
    const x = normal(1, (T + 1) * 2 * F, g.activation, deviation);
    const dy = normal(2, T * F, g.activation);
    const gateUp = toGpu(g, 'gateUp', g.activation, [T + 1, 2 * F], x);
    const DY = toGpu(g, 'dy', g.activation, [T, F], dy);
    const ran = await runOnce(g, (r) => swigluBackward(r, { gateUp, dy: DY, rows: g.dim('rows', T), scale }));
    expect(ran.map((d) => d.label)).toEqual(['swiglu backward']);
    const expected = swigluBackwardRef(x, dy, T, F, scale);
    const got = await fromGpu(g, gateUp);
    expect(got.slice(T * 2 * F)).toEqual(x.slice(T * 2 * F));
    // WGSL bounds exp's error by 3 + 2 |gate| units in the last place (2^-23), and s and 1 - s take it over; a
    // quotient (2.5 units) and a dozen products and sums come on top. In 1 + gate (1 - s), which may cancel, the
    // second term's error is a share of that term. A factor below 2^-126, exp or a product of few, may be flushed to
    // zero before the others are multiplied in.
    const atol = expected.map((v, i) => {
      const [row, f] = [Math.floor(i / (2 * F)), i % F];
      const [gate, up] = [x[2 * row * F + f], x[(2 * row + 1) * F + f]];
      const d = Math.abs(dy[row * F + f] * scale);
      const s = 1 / (1 + Math.exp(-gate));
      const size = i % (2 * F) < F ? d * Math.abs(up) * s * (1 + Math.abs(gate) * (1 - s)) : Math.abs(v);
      const tiny = Math.max(1, d) * (1 + Math.abs(gate)) * (1 + Math.abs(up)) * 2 ** -125;
      return (4 * Math.abs(gate) + 16) * 2 ** -23 * size + tiny + (g.caps.f16 ? 2 ** -25 : 0);
    });
    expectClose(got.slice(0, T * 2 * F), expected, EPS[g.activation], atol);
  });

  test('gates as large as f16 holds give finite gradients', async () => {
    const g = gpu();
    const gates = [65504, -65504, 104, -104, 88.5, -88.5, 0, -0];
    const F = gates.length;
    const x = Float64Array.from([...gates, ...gates.map(() => 0.5)]);
    const dy = new Float64Array(F).fill(0.25);
    const gateUp = toGpu(g, 'gateUp', g.activation, [1, 2 * F], x);
    const DY = toGpu(g, 'dy', g.activation, [1, F], dy);
    await runOnce(g, (r) => swigluBackward(r, { gateUp, dy: DY, rows: g.dim('rows', 1) }));
    expectClose(await fromGpu(g, gateUp), swigluBackwardRef(x, dy, 1, F), 2 ** -10, g.caps.f16 ? 2 ** -24 : 1e-30);
  });
});
