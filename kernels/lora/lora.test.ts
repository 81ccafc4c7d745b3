import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { linearRef } from '../linear/linear.ref.ts';
import { linear } from '../linear/linear.ts';
import { loraBackwardRef, loraRef } from './lora.ref.ts';
import { lora } from './lora.ts';

describeGpus('lora', (gpu) => {
  // [rows, N, K, rank, columns of y before, after]: ranks of one, the usual 32, the largest.
  test.each([
    [33, 40, 576, 32, 8, 4],
    [17, 35, 19, 1, 0, 3],
    [70, 36, 52, 256, 0, 0],
  ])('[%d, %d, %d] rank %d', async (M, N, K, rank, before, after) => {
    const g = gpu();
    for (const yType of new Set(['f32', g.activation] as const)) {
      const s = { M, N, K, r: rank, scale: 2 };
      const x = normal(1, M * K, g.activation);
      const A = normal(2, rank * K, 'f32', K ** -0.5);
      const B = normal(3, N * rank);
      const ldy = before + N + after;
      const held = normal(4, (M + 1) * ldy, yType);
      const y = toGpu(g, 'y', yType, [M + 1, ldy], held);
      const adapter = {
        r: rank,
        scale: 2,
        A: toGpu(g, 'A', 'f32', [rank, K], A),
        B: toGpu(g, 'B', 'f32', [N, rank], B),
      };
      const X = toGpu(g, 'x', g.activation, [M, K], x);
      const labels = await runOnce(g, (r) =>
        lora(r, { x: X, lora: adapter, y, rows: g.dim('rows', M), column: before }),
      );
      expect(labels.map((d) => d.label.split(' ').slice(0, 3).join(' '))).toEqual(['lora A dense', 'lora B dense']);

      const update = loraRef(x, A, B, s);
      const size = loraRef(x.map(Math.abs), A.map(Math.abs), B.map(Math.abs), s);
      // H is off by K roundoffs of its terms, y by `rank` more, and by the rounding of what it held and of the store.
      const expected = held.slice();
      const atol = new Float64Array(held.length);
      for (let m = 0; m < M; m++)
        for (let n = 0; n < N; n++) {
          const at = m * ldy + before + n;
          expected[at] += update[m * N + n];
          atol[at] =
            (K + rank + 8) * EPS.f32 * (size[m * N + n] + Math.abs(held[at])) + EPS[yType] * Math.abs(expected[at]);
        }
      expectClose(await fromGpu(g, y), expected, 0, atol);
    }
  });

  test('a linear layer with an adapter', async () => {
    const g = gpu();
    const [M, N, K, rank] = [20, 24, 40, 4];
    const x = normal(1, M * K, g.activation);
    const [W, A, B] = [normal(2, N * K), normal(3, rank * K), normal(4, N * rank)];
    const y = poisoned(g, 'y', 'f32', [M, N]);
    await runOnce(g, (r) =>
      linear(r, {
        x: toGpu(g, 'x', g.activation, [M, K], x),
        weight: { kind: 'dense', N, K, data: toGpu(g, 'W', 'f32', [N, K], W) as never },
        y,
        rows: g.dim('rows', M),
        scale: 3,
        lora: { r: rank, scale: 0.5, A: toGpu(g, 'A', 'f32', [rank, K], A), B: toGpu(g, 'B', 'f32', [N, rank], B) },
      }),
    );
    const update = loraRef(x, A, B, { M, N, K, r: rank, scale: 0.5 });
    const expected = linearRef(x, W, M, N, K, { scale: 3 }).map((v, i) => v + update[i]);
    // Sums of 44 terms whose sizes add up to some hundreds.
    expectClose(await fromGpu(g, y), expected, 1e-5, 2e-3);
  });
});

test('the reference gradient agrees with central differences, with a dropout mask', () => {
  const s = { M: 3, N: 4, K: 5, r: 2, scale: 0.7 };
  const [x, A, B, dy] = [normal(1, 15), normal(2, 10), normal(3, 8), normal(4, 12)];
  const mask = Float64Array.from({ length: 15 }, (_, i) => (i % 3 ? 1.5 : 0));
  const { dx, dA, dB } = loraBackwardRef(x, A, B, dy, s, mask);
  const loss = (x: Float64Array, A: Float64Array, B: Float64Array) =>
    loraRef(x, A, B, s, mask).reduce((sum, y, i) => sum + y * dy[i], 0);
  const bump = (a: Float64Array, i: number, by: number) => a.map((v, j) => (j === i ? v + by : v));
  const slopes = (a: Float64Array, f: (a: Float64Array) => number) =>
    a.map((_, i) => (f(bump(a, i, 1e-4)) - f(bump(a, i, -1e-4))) / 2e-4);
  expectClose(
    dx,
    slopes(x, (x) => loss(x, A, B)),
    1e-8,
    1e-9,
  );
  expectClose(
    dA,
    slopes(A, (A) => loss(x, A, B)),
    1e-8,
    1e-9,
  );
  expectClose(
    dB,
    slopes(B, (B) => loss(x, A, B)),
    1e-8,
    1e-9,
  );
});
