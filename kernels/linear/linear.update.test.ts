/** A layer's adapters in the sums of its own product, on subgroup matrices. */
import { expect, test } from 'vitest';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { dropoutRef } from '../dropout/dropout.ref.ts';
import { keyOf } from '../dropout/philox.ts';
import { loraRef } from '../lora/lora.ref.ts';
import { matrixCode, matrixFits, matrixPlans } from './linear.matrix.ts';
import { linearRef } from './linear.ref.ts';
import { linear } from './linear.ts';
import type { Linear } from './linear.types.ts';
import type { DenseWeight } from './weights.ts';

describeMatrixGpu('a layer with adapters in its sums', (gpu) => {
  // [rows, K, rank, widths, y's type, scale, residual, dropout]
  test.each([
    [70, 96, 16, [128, 64, 64], 'f16', 1, false, 0.25],
    [65, 64, 32, [64, 192], 'f16', 1, false, 0],
    [40, 96, 32, [200], 'f32', 1, true, 0.25],
    [33, 64, 16, [136], 'f32', 16, true, 0],
  ] as const)('[%d, %d] rank %d, columns %j, %s, scale %d', async (M, K, r, widths, yType, scale, add, p) => {
    const g = gpu();
    const [G, N] = [widths.length, widths.reduce((a: number, b: number) => a + b, 0)];
    const [x, W, bias] = [normal(1, M * K, 'f16'), normal(2, N * K, 'f16', K ** -0.5), normal(3, N)];
    const [A, B] = [normal(4, G * r * K, 'f32', K ** -0.5), normal(5, N * r)];
    const owner = (widths as readonly number[]).flatMap((width, block) => new Array<number>(width).fill(block));
    const whole = new Float64Array(N * G * r);
    for (let n = 0; n < N; n++) for (let j = 0; j < r; j++) whole[n * G * r + owner[n] * r + j] = B[n * r + j];
    const held = normal(6, M * N, yType);
    const place = { key: keyOf(9), step: 4, site: 6, p };
    const mask = dropoutRef(new Float64Array(M * K).fill(1), place);
    const y = add ? toGpu(g, 'y', yType, [M, N], held) : poisoned(g, 'y', yType, [M, N]);
    const H = poisoned(g, 'H', 'f32', [M, G * r]);
    const weight: DenseWeight = { kind: 'dense', N, K, data: toGpu(g, 'W', 'f16', [N, K], W) as DenseWeight['data'] };
    const matrices = { A: toGpu(g, 'A', 'f32', [G * r, K], A), B: toGpu(g, 'B', 'f32', [N, r], B) };
    const ran = await runOnce(g, (rec) =>
      linear(rec, {
        ...{ x: toGpu(g, 'x', 'f16', [M, K], x), weight, bias: toGpu(g, 'bias', 'f32', [N], bias), y },
        ...{
          rows: g.dim('rows', M),
          add,
          scale,
          H,
          lora: { r, scale: 3, ...matrices, widths: G > 1 ? widths : undefined },
        },
        dropout: p ? { p, site: 6, state: g.dim('state', ...place.key, place.step) } : undefined,
      }),
    );
    expect(ran.map((d) => d.label)).toEqual(['lora A dense matrix', 'linear dense matrix']);

    const s = { M, N, K, r: G * r, scale: 3 };
    const abs = (v: Float64Array) => v.map(Math.abs);
    const product = linearRef(x, W, M, N, K, { scale });
    const update = loraRef(x, A, whole, s, p ? mask : undefined);
    const size = linearRef(abs(x), abs(W), M, N, K, { scale });
    const sizeUpdate = loraRef(abs(x), abs(A), abs(whole), s, p ? mask : undefined);
    const expected = product.map((v, i) => v + update[i] + bias[i % N] + (add ? held[i] : 0));
    // Operands of the update are rounded to f16: masked x, A, H and B.
    const share = (K + G * r + 24) * EPS.f32;
    const atol = expected.map((v, i) => {
      const rest = Math.abs(bias[i % N]) + (add ? Math.abs(held[i]) : 0);
      return share * (size[i] + rest) + (share + 8 * EPS.f16) * sizeUpdate[i] + EPS[yType] * Math.abs(v);
    });
    expectClose(await fromGpu(g, y), expected, 0, atol);
  });
});

test.skipIf('Deno' in globalThis)('every tile compiles with adapters', async () => {
  const tensor = (dtype: 'f16' | 'f32' | 'u32', ...shape: number[]) => ({ dtype, shape }) as unknown as Linear['y'];
  const [M, K] = [5888, 4608];
  const texts: string[] = [];
  for (const widths of [[1152, 384, 384], undefined]) {
    const [N, ranks] = [1920, widths ? 96 : 32];
    const lora = { r: 32, scale: 2, A: tensor('f32', ranks, K), B: tensor('f32', N, 32), widths };
    const q4 = {
      kind: 'q4',
      N,
      K,
      group: 32,
      meta: 'offset16',
      words: tensor('u32', N, K / 8),
      params: tensor('u32', N, 1),
    };
    const dense = { kind: 'dense', N, K, data: tensor('f16', N, K) };
    for (const weight of [q4, dense] as unknown as Linear['weight'][])
      for (const yType of ['f16', 'f32'] as const)
        for (const p of matrixPlans()) {
          const kind = weight.kind;
          const base = {
            M,
            N,
            K,
            kind,
            w: kind === 'q4' ? 'u32' : 'f16',
            group: 32,
            meta: 'offset16',
            x: 'f16',
          } as const;
          const shape = { ...base, y: yType, ldy: N, column: 0, update: { rank: 32, widths } };
          expect(matrixFits(H200, shape, p)).toBe(true);
          const call = { x: tensor('f16', M, K), weight, y: tensor(yType, M, N), rows: {} as Linear['rows'] };
          const update = { lora, H: tensor('f32', M, ranks) };
          texts.push(matrixCode({ ...call, update, add: yType === 'f32' }, shape, p));
        }
  }
  await compileAll(texts);
});
