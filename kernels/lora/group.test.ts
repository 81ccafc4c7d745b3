/** Adapters side by side, forward and backward, against the reference of one whose B has a block for each. */
import { expect, test } from 'vitest';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { dropoutRef } from '../dropout/dropout.ref.ts';
import { keyOf } from '../dropout/philox.ts';
import { type Gemm, gemmCode, gemmShape, planGemm } from '../linear/gemm.matrix.ts';
import { groups } from './group.ts';
import { loraBackward } from './lora.backward.ts';
import { loraBackwardRef, loraRef } from './lora.ref.ts';
import { lora } from './lora.ts';

describeMatrixGpu('adapters side by side', (gpu) => {
  // [rows, K, rank, widths, columns before]
  test.each([
    [70, 96, 16, [128, 64, 64], 8],
    [33, 72, 32, [64, 192], 0],
  ])('[%d, %d] rank %d, widths %j', async (M, K, r, widths, before) => {
    const g = gpu();
    expect(groups(g.caps, r, K, widths)).toBe(true);
    const [G, N] = [widths.length, widths.reduce((a, b) => a + b)];
    const ldy = before + N + 8;
    const s = { M, N, K, r: G * r, scale: 2 };
    const [x, A, B] = [normal(1, M * K, 'f16'), normal(2, G * r * K, 'f32', K ** -0.5), normal(3, N * r)];
    const owner = widths.flatMap((width, block) => new Array<number>(width).fill(block));
    const whole = new Float64Array(N * G * r);
    for (let n = 0; n < N; n++) for (let j = 0; j < r; j++) whole[n * G * r + owner[n] * r + j] = B[n * r + j];
    const [held, dy, heldX] = [normal(4, M * ldy, 'f16'), normal(5, M * ldy, 'f16'), normal(6, M * K, 'f16')];
    const place = { key: keyOf(9), step: 4, site: 6, p: 0.25 };
    const mask = dropoutRef(new Float64Array(M * K).fill(1), place);
    const own = Float64Array.from({ length: M * N }, (_, i) => dy[Math.floor(i / N) * ldy + before + (i % N)]);

    const y = toGpu(g, 'y', 'f16', [M, ldy], held);
    const dx = toGpu(g, 'dx', 'f16', [M, K], heldX);
    const H = poisoned(g, 'H', 'f32', [M, G * r]);
    const [dA, dB] = [poisoned(g, 'dA', 'f32', [G * r, K]), poisoned(g, 'dB', 'f32', [N, r])];
    const matrices = { A: toGpu(g, 'A', 'f32', [G * r, K], A), B: toGpu(g, 'B', 'f32', [N, r], B) };
    const call = {
      ...{ x: toGpu(g, 'x', 'f16', [M, K], x), lora: { r, scale: 2, ...matrices, widths }, rows: g.dim('rows', M) },
      ...{ column: before, dropout: { p: 0.25, site: 6, state: g.dim('state', ...place.key, place.step) }, H },
    };
    const ran = await runOnce(g, (rec) => {
      lora(rec, { ...call, y });
      loraBackward(rec, { ...call, dy: toGpu(g, 'dy', 'f16', [M, ldy], dy), dx, dA: { data: dA }, dB: { data: dB } });
    });
    expect(ran.map((d) => d.label).filter((l) => l !== 'sum_parts').length).toBe(6);

    // As for one adapter (lora.test.ts, lora.backward.test.ts): sums of two products, whose operands are f16.
    const abs = (v: Float64Array) => v.map(Math.abs);
    const update = loraRef(x, A, whole, s, mask);
    const size = loraRef(abs(x), abs(A), abs(whole), s, mask);
    const expected = held.slice();
    const atol = new Float64Array(held.length);
    const share = (terms: number) => (terms + 24) * EPS.f32 + 10 * EPS.f16;
    for (let i = 0; i < M * N; i++) {
      const at = Math.floor(i / N) * ldy + before + (i % N);
      expected[at] += update[i];
      atol[at] = share(K + r) * (size[i] + Math.abs(held[at])) + EPS.f16 * Math.abs(expected[at]);
    }
    expectClose(await fromGpu(g, y), expected, 0, atol);
    const back = loraBackwardRef(x, A, whole, own, s, mask);
    const sizes = loraBackwardRef(abs(x), abs(A), abs(whole), abs(own), s, mask);
    const near = (v: Float64Array, terms: number) => v.map((size) => share(terms) * size);
    expectClose(await fromGpu(g, dA), back.dA, 0, near(sizes.dA, N + M));
    const blocks = (v: Float64Array) =>
      Float64Array.from({ length: N * r }, (_, i) => {
        const n = Math.floor(i / r);
        return v[n * G * r + owner[n] * r + (i % r)];
      });
    expectClose(await fromGpu(g, dB), blocks(back.dB), 0, near(blocks(sizes.dB), K + M));
    const sums = heldX.map((v, i) => v + back.dx[i]);
    const allowed = sizes.dx.map((v, i) => share(N + G * r) * (v + Math.abs(heldX[i])) + 2 ** -25);
    expectClose(await fromGpu(g, dx), sums, EPS.f16, allowed);
  });
});

test('what can be side by side', () => {
  expect(groups(H200, 32, 576, [576, 192, 192])).toBe(true);
  expect(groups(H200, 32, 576, [1536, 1536])).toBe(true);
  expect(groups(H200, 8, 576, [1536, 1536])).toBe(false);
  expect(groups(H200, 32, 576, [576])).toBe(false);
  expect(groups(H200, 32, 576, [576, 100, 100])).toBe(false);
  expect(groups({ ...H200, matrix: false }, 32, 576, [1536, 1536])).toBe(false);
});

test.skipIf('Deno' in globalThis)('the texts of published shapes compile', async () => {
  const tensor = (dtype: 'f16' | 'f32', ...shape: number[]) => ({ dtype, shape }) as unknown as Gemm['out'];
  const M = 5888;
  const texts: string[] = [];
  for (const widths of [
    [576, 192, 192],
    [3584, 512, 512],
    [18944, 18944],
  ]) {
    const [N, G, r] = [widths.reduce((a, b) => a + b), widths.length, 32];
    const [y, H, B] = [tensor('f16', M, N), tensor('f32', M, G * r), tensor('f32', N, r)];
    const common = { rows: {} as Gemm['rows'], byRows: false };
    const blocks = (along: 'sum' | 'rows' | 'columns') => ({ along, widths, rank: r });
    const calls: Gemm[] = [
      { ...common, left: H, right: B, rightByN: true, m: M, n: N, r, out: y, outLd: N, blocks: blocks('columns') },
      { ...common, left: y, right: B, m: M, n: G * r, r: N, out: H, outLd: G * r, blocks: blocks('sum') },
      { ...common, left: y, byRows: true, right: H, m: N, n: r, r: M, out: B, outLd: r, blocks: blocks('rows') },
    ];
    for (const call of calls) texts.push(gemmCode(call, planGemm(H200, gemmShape(call))!, 'f32'));
  }
  await compileAll(texts);
});
