import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, runOnce, toGpu } from '../../test/numeric.ts';
import { biasGradient } from './bias_gradient.ts';
import { linearBackwardRef } from './linear.ref.ts';

describeGpus('bias gradient', (gpu) => {
  // [rows, counted, N, columns before, after, adds]
  test.each([
    [1, 1, 1, 0, 0, false],
    [300, 271, 97, 5, 3, true],
    [70, 70, 128, 0, 64, false],
    [8, 0, 40, 0, 0, false],
  ])('[%d, %d of %d], columns %d and %d beside it, adds %j', async (M, rows, N, before, after, add) => {
    const g = gpu();
    const ldy = before + N + after;
    const dy = normal(1, M * ldy, g.activation);
    const given = dy.map((v, i) => (i < rows * ldy ? v : Number.NaN));
    const held = normal(2, N + 4);
    const data = toGpu(
      g,
      'gradients',
      'f32',
      [N + 4],
      held.map((v, i) => (add || i < 3 || i > N + 2 ? v : Number.NaN)),
    );
    const DY = toGpu(g, 'dy', g.activation, [M, ldy], given);
    const call = { dy: DY, column: before, N, dbias: { data, offset: 3 }, rows: g.dim('rows', rows), add };
    const ran = await runOnce(g, (r) => biasGradient(r, call));
    expect(ran.map((d) => d.label)).toEqual(['bias gradient', 'sum_parts']);
    const own = Float64Array.from({ length: rows * N }, (_, i) => dy[Math.floor(i / N) * ldy + before + (i % N)]);
    const sums = (dy: Float64Array) => linearBackwardRef([], [], dy, rows, N, 0).dbias;
    const [exact, sizes] = [sums(own), sums(own.map(Math.abs))];
    const expected = held.slice();
    const atol = new Float64Array(N + 4);
    for (let n = 0; n < N; n++) {
      expected[3 + n] = exact[n] + (add ? held[3 + n] : 0);
      // As many roundoffs as there are terms and parts.
      atol[3 + n] = (rows + 65) * EPS.f32 * (sizes[n] + Math.abs(held[3 + n]));
    }
    expectClose(await fromGpu(g, data), expected, 0, atol);
  });
});
