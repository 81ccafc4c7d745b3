import { expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { describeGpus } from '../../test/gpus.ts';
import { describeMatrixGpu } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { dropoutRef } from '../dropout/dropout.ref.ts';
import { keyOf } from '../dropout/philox.ts';
import { linearRef } from '../linear/linear.ref.ts';
import { linear } from '../linear/linear.ts';
import { loraBackwardRef, loraRef } from './lora.ref.ts';
import { lora } from './lora.ts';

/** An update with H kept and columns of y beside it; the labels that ran. */
async function kept(g: Gpu, M: number, N: number, K: number, rank: number, p: number): Promise<string[]> {
  const s = { M, N, K, r: rank, scale: 2 };
  const x = normal(1, M * K, g.activation);
  const [A, B] = [normal(2, rank * K, 'f32', K ** -0.5), normal(3, N * rank)];
  const ldy = N + 16;
  const held = normal(4, M * ldy, g.activation);
  const place = { key: keyOf(9), step: 4, site: 6, p };
  const mask = dropoutRef(new Float64Array(M * K).fill(1), place);
  const y = toGpu(g, 'y', g.activation, [M, ldy], held);
  const H = poisoned(g, 'H', 'f32', [M, rank]);
  const ran = await runOnce(g, (r) =>
    lora(r, {
      x: toGpu(g, 'x', g.activation, [M, K], x),
      lora: { r: rank, scale: 2, A: toGpu(g, 'A', 'f32', [rank, K], A), B: toGpu(g, 'B', 'f32', [N, rank], B) },
      y,
      rows: g.dim('rows', M),
      column: 8,
      dropout: p === 0 ? undefined : { p, site: 6, state: g.dim('state', ...place.key, place.step) },
      H,
    }),
  );
  // As without a mask, and what is masked may be rounded once more before it meets A. Subgroup matrices take A, B and H
  // as f16.
  const abs = (v: Float64Array) => v.map(Math.abs);
  const rounding = (K + rank + 8) * EPS.f32 + (g.caps.matrix ? 4 : 1) * EPS[g.activation];
  const seen = x.map((v, i) => v * mask[i]);
  const eye = Float64Array.from({ length: rank * rank }, (_, i) => (i % (rank + 1) ? 0 : 1));
  const size = loraRef(abs(seen), abs(A), eye, { ...s, N: rank, scale: 1 });
  const kept = loraRef(seen, A, eye, { ...s, N: rank, scale: 1 });
  const allowed = size.map((v) => rounding * v);
  expectClose(await fromGpu(g, H), kept, 0, allowed);
  const update = loraRef(x, A, B, s, mask);
  const sizes = loraRef(abs(x), abs(A), abs(B), s, mask);
  const expected = held.slice();
  const atol = new Float64Array(held.length);
  for (let i = 0; i < M * N; i++) {
    const at = Math.floor(i / N) * ldy + 8 + (i % N);
    expected[at] += update[i];
    atol[at] = rounding * (sizes[i] + Math.abs(held[at])) + EPS[g.activation] * Math.abs(expected[at]);
  }
  expectClose(await fromGpu(g, y), expected, 0, atol);
  return ran.map((d) => d.label);
}

/** What multiplies, by its first three words: a GPU of many processors takes K in spans, whose sum is a dispatch of its own. */
const products = (labels: readonly string[]): string[] =>
  labels.filter((l) => l !== 'dropout' && l !== 'sum_parts').map((l) => l.split(' ').slice(0, 3).join(' '));

// Ranks of one matrix, of two and a half, of several; sums that end inside a step.
describeMatrixGpu('lora', (gpu) => {
  test.each([
    [70, 136, 96, 32, 0],
    [33, 40, 72, 8, 0.25],
  ])('[%d, %d, %d] rank %d, dropout %d, H kept', async (...c) => {
    expect(await kept(gpu(), ...c)).toEqual(['lora A dense matrix', 'lora B dense matrix']);
  });
});

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
      expect(products(labels.map((d) => d.label))).toEqual(['lora A dense', 'lora B dense']);

      const update = loraRef(x, A, B, s);
      const size = loraRef(x.map(Math.abs), A.map(Math.abs), B.map(Math.abs), s);
      // H is off by K roundoffs of its terms, y by `rank` more, and by the rounding of what it held and of the store.
      const expected = held.slice();
      const atol = new Float64Array(held.length);
      for (let m = 0; m < M; m++)
        for (let n = 0; n < N; n++) {
          const at = m * ldy + before + n;
          expected[at] += update[m * N + n];
          const rounding = (K + rank + 8) * EPS.f32 + (g.caps.matrix ? 4 * EPS.f16 : 0);
          atol[at] = rounding * (size[m * N + n] + Math.abs(held[at])) + EPS[yType] * Math.abs(expected[at]);
        }
      expectClose(await fromGpu(g, y), expected, 0, atol);
    }
  });

  // [rows, N, K, rank, p]: odd widths, whose masks begin inside a block of four; the forward's mask is the backward's.
  test.each([
    [33, 40, 576, 32, 0.25],
    [17, 35, 19, 1, 0.5],
    [40, 64, 96, 16, 0],
  ])('[%d, %d, %d] rank %d, dropout %d, H kept', async (...c) => {
    expect(products(await kept(gpu(), ...c))).toEqual(['lora A dense', 'lora B dense']);
  });

  test('an H that does not fit is refused', async () => {
    const g = gpu();
    const f32 = (label: string, shape: number[]) => poisoned(g, label, 'f32', shape);
    const call = {
      x: f32('x', [4, 8]),
      lora: { r: 2, scale: 1, A: f32('A', [2, 8]), B: f32('B', [4, 2]) },
      y: f32('y', [4, 4]),
      rows: g.dim('rows', 4),
      H: f32('H', [4, 3]),
    };
    await expect(runOnce(g, (r) => lora(r, call))).rejects.toThrow('H must be f32 [4, 2]');
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
    // Sums of 44 terms whose sizes add up to some hundreds; on subgroup matrices some of them are rounded to f16.
    expectClose(await fromGpu(g, y), expected, 1e-5, g.caps.matrix ? 0.5 : 2e-3);
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
