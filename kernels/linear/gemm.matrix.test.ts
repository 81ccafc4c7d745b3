/** The texts of gemm.matrix.ts: that the plans fit the GPU they are for and that what is recorded there compiles. */
import { expect, test } from 'vitest';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { compileAll, H200 } from '../../test/matrix_gpus.ts';
import { type Gemm, type GemmPlan, gemmCode, gemmShape, planGemm } from './gemm.matrix.ts';
import type { Q4Meta, Q4Weight } from './weights.ts';

const tensor = (dtype: 'f16' | 'f32' | 'u32', ...shape: number[]) => ({ dtype, shape }) as unknown as Tensor;
const q4 = (meta: Q4Meta, group: number, perm = false): Q4Weight =>
  ({ kind: 'q4', meta, group, perm: perm ? tensor('u32', 1) : undefined }) as unknown as Q4Weight;

const M = 5888;
const rows = {} as Gemm['rows'];
const mask = { p: 0.5, site: 1, state: rows };
const common = { rows, m: M, byRows: false };

/** Every product of a step: of a 7B layer's shapes, of a small model's, of ranks from 8 to 64. */
const CALLS: [string, Gemm][] = [];
for (const [N, K] of [
  [3584, 18944],
  [512, 3584],
  [576, 1536],
]) {
  const [dy, out] = [tensor('f16', M, N), tensor('f16', M, K)];
  for (const right of [q4('offset16', 32), q4('zero16', 128, true), q4('offset32', 64), tensor('f16', N, K)])
    CALLS.push([`dX ${N} ${K}`, { ...common, left: dy, right, n: K, r: N, out, outLd: K, add: true }]);
  const dW = { rows, left: dy, byRows: true, right: out, m: N, n: K, r: M, out: tensor('f32', N, K), outLd: K };
  CALLS.push([`dW ${N} ${K}`, dW], [`dW ${N} ${K}, offset`, { ...dW, offset: 3, add: true }]);
  for (const r of [8, 32, 40, 64]) {
    const [H, A, B] = [tensor('f32', M, r), tensor('f32', r, K), tensor('f32', N, r)];
    const left = { ...mask, on: 'left' } as const;
    const on = { ...mask, on: 'out' } as const;
    CALLS.push(
      [`A ${r}`, { ...common, left: out, right: A, rightByN: true, n: r, r: K, out: H, outLd: r, dropout: left }],
      [`B ${r}`, { ...common, left: H, right: B, rightByN: true, n: N, r, out: dy, outLd: N, add: true, scale: 2 }],
      [`dH ${r}`, { ...common, left: dy, right: B, n: r, r: N, out: H, outLd: r, scale: 2 }],
      [`dx ${r}`, { ...common, left: H, right: A, n: K, r, out, outLd: K, add: true, dropout: on }],
      [`dA ${r}`, { ...dW, left: H, m: r, dropout: { ...mask, on: 'right' } }],
      [`dB ${r}`, { ...dW, right: H, n: r, outLd: r, scale: 2 }],
    );
  }
}

test.skipIf('Deno' in globalThis)('every product of a step has a plan, and its text compiles', async () => {
  const texts = new Set<string>();
  for (const [name, call] of CALLS) {
    const p = planGemm(H200, gemmShape(call)) as GemmPlan;
    expect(`${name}: ${p?.form}`).toBe(`${name}: matrix`);
    const dtype = (p.splits > 1 ? 'f32' : call.out.dtype) as 'f32';
    for (const loops of [false, true]) texts.add(gemmCode(call, p, dtype, loops));
  }
  expect(texts.size).toBeGreaterThan(100);
  await compileAll(texts);
});

test('a plan keeps to the workgroup memory there is', () => {
  const shape = gemmShape(CALLS[0][1]);
  expect(planGemm(H200, shape)?.BK).toBe(64);
  expect(planGemm({ ...H200, maxWorkgroupStorage: 32768 }, shape)?.BK).toBe(32);
  expect(planGemm({ ...H200, maxWorkgroupStorage: 8192 }, shape)).toBe(undefined);
  expect(planGemm({ ...H200, matrix: false }, shape)).toBe(undefined);
});
