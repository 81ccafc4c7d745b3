/** The texts of gemm.matrix.ts: that the plans fit the GPU they are for and that what is recorded there compiles. */
import { expect, test } from 'vitest';
import { GRADIENT, SQUARE, square, stageBytes } from '../../scripts/device/adapters.tiles.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { compileAll, H200 } from '../../test/matrix_gpus.ts';
import {
  type Gemm,
  type GemmBlocks,
  type GemmPlan,
  type GemmShape,
  gemmCode,
  gemmShape,
  planGemm,
} from './gemm.matrix.ts';
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

test.skipIf('Deno' in globalThis)('the tiles that scripts/device/adapters.ts tries for dW and dX compile', async () => {
  for (const tile of SQUARE) expect(stageBytes(tile)).toBeLessThanOrEqual(H200.maxWorkgroupStorage);
  const texts = new Set<string>();
  for (const [N, K] of [
    [3072, 576],
    [960, 576],
    [576, 1536],
    [576, 576],
  ]) {
    const tiles = square(N, K, 17500, SQUARE.length, 3);
    expect(tiles.length).toBe(SQUARE.length + 3);
    const [left, right, out] = [tensor('f16', 17500, N), tensor('f16', 17500, K), tensor('f32', N, K)];
    const dW = { rows, left, byRows: true, right, m: N, n: K, r: 17500, out, outLd: K };
    for (const tile of tiles) {
      texts.add(gemmCode({ ...dW, add: tile.splits === 1 }, { form: 'matrix', ...tile }, 'f32'));
    }
  }
  const [dy, out] = [tensor('f16', M, 1152), tensor('f16', M, 896)];
  const dX = { ...common, left: dy, right: q4('offset16', 32), n: 896, r: 1152, out, outLd: 896 };
  for (const tile of GRADIENT) texts.add(gemmCode(dX, { form: 'matrix', ...tile }, 'f16'));
  await compileAll(texts);
});

test('a plan keeps to the workgroup memory there is', () => {
  const shape = gemmShape(CALLS[3][1]);
  expect(planGemm(H200, shape)?.BK).toBe(64);
  expect(planGemm({ ...H200, maxWorkgroupStorage: 32768 }, shape)?.BK).toBe(32);
  expect(planGemm({ ...H200, maxWorkgroupStorage: 8192 }, shape)).toBe(undefined);
  expect(planGemm({ ...H200, matrix: false }, shape)).toBe(undefined);
});

const [QKV, GATE_UP] = [{ widths: [896, 128, 128] }, { widths: [4864, 4864] }].map((b) => ({ ...b, rank: 32 }));
const product = (m: number, n: number, r: number, byRows = false, blocks?: GemmBlocks): GemmShape => {
  const [left, right] = byRows && m > 96 ? (['f16', 'f32'] as const) : (['f32', 'f16'] as const);
  return { m, n, r, byRows, left, right, leftLd: byRows ? m : r, leftColumn: 0, blocks };
};
const sum = (b: Omit<GemmBlocks, 'along'>): GemmBlocks => ({ ...b, along: 'sum' });
const out = (b: Omit<GemmBlocks, 'along'>): GemmBlocks => ({ ...b, along: 'rows' });

/**
 * results/h200/adapters.txt: what the plan takes and its microseconds (~: of fewer spans, as its own were not timed), those of
 * the best tile that was timed, and of the one that the rule before it took.
 */
const MEASURED: [string, GemmShape, plan: string, us: number, best: number, before: number][] = [
  ['0.5B qkv dx', product(M, 896, 96), '128x128x32 of 32x64, 1', 23.4, 22.3, 38.5],
  ['0.5B gate, up dx', product(M, 896, 64), '128x128x32 of 32x64, 1', 20.8, 19.5, 44.8],
  ['0.5B down dx', product(M, 4864, 32), '128x128x32 of 32x64, 1', 78.8, 70.8, 106.2],
  ['7B qkv dx', product(M, 3584, 96), '128x128x32 of 32x64, 1', 74.5, 69.4, 98.8],
  ['7B gate, up dx', product(M, 3584, 64), '128x128x32 of 32x64, 1', 65.9, 61.0, 167.0],
  ['7B down dx', product(M, 18944, 32), '128x128x32 of 32x64, 1', 296.4, 283.5, 404.1],
  ['qkv H', product(M, 96, 896), '128x96x64 of 32x96, 2', 19.9, 17.9, 19.4],
  ['gate, up H', product(M, 64, 896), '128x64x64 of 32x64, 2', 15.3, 15.3, 17.5],
  ['down H', product(M, 32, 4864), '128x32x64 of 32x32, ~5', 35.2, 32.4, 46.4],
  ['qkv dH', product(M, 96, 1152, false, sum(QKV)), '128x32x64 of 32x32, 1', 15.7, 15.4, 19.2],
  ['gate, up dH', product(M, 64, 9728, false, sum(GATE_UP)), '128x32x64 of 32x32, 2', 50.6, 48.8, 67.7],
  ['down dH', product(M, 32, 896), '128x32x64 of 32x32, 4', 11.0, 10.7, 13.2],
  ['qkv dA', product(96, 896, M, true), '96x64x64 of 96x16, 16', 19.1, 19.1, 25.6],
  ['gate, up dA', product(64, 896, M, true), '64x64x64 of 64x16, 16', 15.7, 15.7, 19.2],
  ['down dA', product(32, 4864, M, true), '32x128x64 of 32x32, 6', 34.4, 32.7, 34.4],
  ['qkv dB', product(1152, 32, M, true, out(QKV)), '64x32x64 of 16x32, ~16', 15.4, 15.4, 15.4],
  ['gate, up dB', product(9728, 32, M, true, out(GATE_UP)), '64x32x64 of 16x32, 2', 54.9, 49.3, 89.2],
  ['down dB', product(896, 32, M, true), '64x32x64 of 16x32, ~16', 13.7, 13.7, 13.7],
];

test.each(MEASURED)("an adapter's products get tiles that were measured: %s", (_, shape, plan, us, best, before) => {
  const { BM, BN, BK, WM, WN, splits } = planGemm(H200, shape)!;
  expect(`${BM}x${BN}x${BK} of ${WM}x${WN}, ${splits}`).toBe(plan.replace('~', ''));
  expect(us / best).toBeLessThan(1.12);
  expect(us / before).toBeLessThan(1.03);
});

/** The same of SmolLM2's weight gradients: results/h200/weight-gradient.txt. */
const DW: [string, GemmShape, plan: string, us: number, best: number, before: number][] = [
  ['gate, up', product(3072, 576, 17500, true), '96x192x32 of 48x96, 5', 225.2, 219.5, 294],
  ['qkv', product(960, 576, 17500, true), '96x192x32 of 48x96, 8', 77.1, 76.7, 205.1],
  ['down', product(576, 1536, 17500, true), '96x192x32 of 48x96, 5', 114.2, 111.5, 211.7],
  ['o', product(576, 576, 17500, true), '96x192x32 of 48x96, 14', 53.8, 53.3, 78.2],
  ['gate, up, 6900 rows', product(3072, 576, 6900, true), '96x192x32 of 48x96, 5', 108, 104.9, 129.9],
  ['qkv, 6900 rows', product(960, 576, 6900, true), '96x192x32 of 48x96, 8', 39.8, 39.8, 83.1],
];

test.each(DW)('a weight gradient gets a tile that was measured: %s', (_, shape, plan, us, best, before) => {
  const { BM, BN, BK, WM, WN, splits } = planGemm(H200, shape)!;
  expect(`${BM}x${BN}x${BK} of ${WM}x${WN}, ${splits}`).toBe(plan);
  expect(us / best).toBeLessThan(1.05);
  expect(us / before).toBeLessThan(0.9);
});

/** The same of int4 layers' dX: results/h200/input-gradient.txt. */
const DX: [string, m: number, n: number, r: number, plan: string, us: number, best: number][] = [
  ['0.5B gate, up', M, 896, 9728, '128x128x64 of 64x64, 1', 487.6, 487.6],
  ['0.5B down', M, 4864, 896, '128x128x32 of 64x64, 1', 208.0, 208.0],
  ['0.5B qkv', M, 896, 1152, '128x128x64 of 64x64, 1', 70.9, 69.0],
  ['SmolLM2 gate, up', M, 576, 3072, '128x128x32 of 64x64, 1', 98.1, 98.1],
];

test.each(DX)("an int4 layer's dX gets a tile that was measured: %s", (_, m, n, r, plan, us, best) => {
  const shape: GemmShape = { ...product(m, n, r), left: 'f16', right: 'u32', group: 32 };
  const { BM, BN, BK, WM, WN, splits } = planGemm(H200, shape)!;
  expect(`${BM}x${BN}x${BK} of ${WM}x${WN}, ${splits}`).toBe(plan);
  expect(us / best).toBeLessThan(1.03);
});

test('a weight gradient whose sides 96 and 192 do not suit gets another tile', () => {
  expect(planGemm(H200, product(1152, 896, M, true))).toMatchObject({ BM: 128, BN: 128, WM: 64, WN: 64, BK: 32 });
});

test("an adapter's sum is cut into no more spans than run at once, a layer's dW into full waves", () => {
  const spans = (m: number, n: number) => planGemm(H200, product(m, n, M, true))!.splits;
  // 64 x 64 x 64: two workgroups a processor, 264 of them.
  expect([88, 89, 132, 133].map((tiles) => spans(64 * tiles, 64))).toEqual([3, 2, 2, 1]);
  // 96 x 192 x 32: the same two. 264 of 264; 250 of 264; 13 waves for 12.12.
  expect([88, 25, 1600].map((tiles) => spans(96 * tiles, 192))).toEqual([3, 10, 2]);
});
