import { expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { describeGpus } from '../../test/gpus.ts';
import { describeMatrixGpu } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, runOnce, toGpu } from '../../test/numeric.ts';
import { dropoutRef } from '../dropout/dropout.ref.ts';
import { keyOf } from '../dropout/philox.ts';
import { loraBackward } from './lora.backward.ts';
import { loraBackwardRef } from './lora.ref.ts';

type Args = [
  M: number,
  N: number,
  K: number,
  rank: number,
  before: number,
  after: number,
  p: number,
  add: boolean,
  kept: boolean,
];

/** Checks every gradient; the labels that ran, sums of parts left out. */
async function run(g: Gpu, [M, N, K, rank, before, after, p, add, kept]: Args): Promise<string[]> {
  const s = { M, N, K, r: rank, scale: 2 };
  const [x, A, B] = [normal(1, M * K, g.activation), normal(2, rank * K, 'f32', K ** -0.5), normal(3, N * rank)];
  const ldy = before + N + after;
  const dy = normal(4, (M + 1) * ldy, g.activation);
  const own = Float64Array.from({ length: M * N }, (_, i) => dy[Math.floor(i / N) * ldy + before + (i % N)]);
  const place = { key: keyOf(9), step: 4, site: 6, p };
  const mask = p ? dropoutRef(new Float64Array(M * K).fill(1), place) : undefined;
  const reference = loraBackwardRef(x, A, B, own, s, mask);
  const abs = (v: Float64Array) => v.map(Math.abs);
  const sizes = loraBackwardRef(abs(x), abs(A), abs(B), abs(own), s, mask);

  // dA and dB lie in one flat buffer, the second one's columns after the first's, with a gap.
  const [atA, atB] = [3, 3 + rank * K + 2];
  const held = normal(5, atB + N * rank + 1);
  const heldX = normal(6, M * K, g.activation);
  const flat = toGpu(g, 'gradients', 'f32', [held.length], held);
  const dx = toGpu(g, 'dx', g.activation, [M, K], heldX);
  const H = new Float64Array(M * rank);
  for (let m = 0; m < M; m++)
    for (let j = 0; j < rank; j++)
      for (let k = 0; k < K; k++) H[m * rank + j] += x[m * K + k] * (mask?.[m * K + k] ?? 1) * A[j * K + k];
  const lora = { r: rank, scale: 2, A: toGpu(g, 'A', 'f32', [rank, K], A), B: toGpu(g, 'B', 'f32', [N, rank], B) };
  const call = {
    x: toGpu(g, 'x', g.activation, [M, K], x),
    lora,
    dy: toGpu(g, 'dy', g.activation, [M, ldy], dy.slice(0, M * ldy)),
    column: before,
    rows: g.dim('rows', M),
    dx,
    dA: { data: flat, offset: atA },
    dB: { data: flat, offset: atB },
    add,
    H: kept ? toGpu(g, 'H', 'f32', [M, rank], H) : undefined,
    dropout: p ? { p, site: 6, state: g.dim('state', ...place.key, place.step) } : undefined,
  };
  const ran = await runOnce(g, (r) => loraBackward(r, call));

  // Two sums in a row, of K or N terms and then of M or rank: their roundoffs add up. A masked x is rounded to its
  // type before it meets A, once.
  const dropped = p ? 2 * EPS[g.activation] : 0;
  // Subgroup matrices take dH, H, A and B as f16, and what is small may vanish there.
  const matrices = g.caps.matrix ? 8 * EPS.f16 : 0;
  const share = (terms: number) => (terms + 24) * EPS.f32 + dropped + matrices;
  const expected = held.slice();
  const atol = new Float64Array(held.length);
  const check = (at: number, gradient: Float64Array, size: Float64Array, terms: number) =>
    gradient.forEach((v, i) => {
      expected[at + i] = v + (add ? held[at + i] : 0);
      atol[at + i] = share(terms) * (size[i] + Math.abs(held[at + i]));
    });
  check(atA, reference.dA, sizes.dA, N + M);
  check(atB, reference.dB, sizes.dB, K + M);
  expectClose(await fromGpu(g, flat), expected, 0, atol);
  const sums = heldX.map((v, i) => v + reference.dx[i]);
  const atolX = sizes.dx.map((v, i) => share(N + rank) * (v + Math.abs(heldX[i])) + 2 ** -25);
  expectClose(await fromGpu(g, dx), sums, EPS[g.activation], atolX);
  return ran.map((d) => d.label).filter((l) => l !== 'sum_parts');
}

describeMatrixGpu('lora backward', (gpu) => {
  test.each([[70, 40, 96, 16, 8, 8, 0.25, true, false]] as Args[])('[%d, %d, %d] rank %d', async (...c) => {
    expect(await run(gpu(), c)).toEqual([
      'lora A dense matrix',
      'lora B backward dense matrix',
      'lora B weight gradient matrix',
      'lora A weight gradient matrix',
      'lora A backward dense matrix',
    ]);
  });
});

describeGpus('lora backward', (gpu) => {
  // [rows, N, K, rank, columns of dy before, after, dropout, adds, H kept]: the usual 32 in two spans, a prime, one.
  test.each([
    [140, 40, 96, 32, 8, 4, 0.25, true, true],
    [33, 24, 52, 8, 4, 0, 0.5, false, false],
    [17, 5, 19, 7, 1, 2, 0, false, false],
    [9, 36, 8, 1, 0, 0, 0, true, false],
  ] as Args[])('[%d, %d, %d] rank %d', async (...c) => {
    const kept = c[8];
    const made = (await run(gpu(), c)).map((l) => l.split(' ').slice(0, 3).join(' ')).filter((l) => l !== 'dropout');
    const again = kept ? [] : ['lora A dense'];
    expect(made).toEqual([...again, 'lora B backward', 'lora B weight', 'lora A weight', 'lora A backward']);
  });

  test('without dx, x gets no gradient and A and B do', async () => {
    const g = gpu();
    const f32 = (label: string, shape: number[]) => toGpu(g, label, 'f32', shape, normal(1, shape[0] * shape[1]));
    const call = {
      x: f32('x', [4, 8]),
      lora: { r: 2, scale: 1, A: f32('A', [2, 8]), B: f32('B', [4, 2]) },
      dy: f32('dy', [4, 4]),
      rows: g.dim('rows', 4),
      dA: { data: f32('dA', [2, 8]) },
      dB: { data: f32('dB', [4, 2]) },
    };
    const ran = await runOnce(g, (r) => loraBackward(r, call));
    expect(ran.some((d) => d.label.startsWith('lora A backward'))).toBe(false);
    expect(ran.filter((d) => d.label.includes('weight gradient')).length).toBe(2);
  });
});
