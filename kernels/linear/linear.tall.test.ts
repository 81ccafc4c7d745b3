/** The form for many rows: forward and dX, int4 and f16, every epilogue, at small tiles that a CPU runs; and the real texts. */
import { describe, expect, test } from 'vitest';
import { Recorder } from '../../src/gpu/recorder.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { toHalf } from '../../src/half.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, toGpu, uniform } from '../../test/numeric.ts';
import { dequantizeRef } from './linear.ref.ts';
import {
  recordTall,
  TALL,
  type Tall,
  type TallPlan,
  type TallShape,
  tallClocks,
  tallCode,
  tallFits,
} from './linear.tall.ts';
import { tiles } from './tiles.ts';
import type { Q4Meta, Weight } from './weights.ts';

const SMALL: TallPlan = { form: 'tall', BM: 64, BN: 64, WM: 16, WN: 64, GROUP_M: 8, AHEAD: 3 };
/** With threads enough that a read is two words. */
const MANY: TallPlan = { ...SMALL, BM: 128, AHEAD: 1 };

interface Case {
  M: number;
  rows: number;
  /** Of the layer. */
  N: number;
  K: number;
  w: Q4Meta | 'f16';
  byK: boolean;
  y: 'f16' | 'f32';
  group?: number;
  add?: boolean;
  bias?: boolean;
  scale?: number;
  /** Columns of x before and after those that are meant, and of y. */
  around?: number;
  rank?: number;
  widths?: number[];
  plan?: TallPlan;
}

const CASES: Case[] = [
  { M: 80, rows: 75, N: 100, K: 128, w: 'offset16', byK: false, y: 'f16' },
  { M: 149, rows: 149, N: 64, K: 384, w: 'zero16', byK: false, y: 'f16', bias: true, group: 128 },
  { M: 130, rows: 64, N: 136, K: 256, w: 'offset32', byK: false, y: 'f32', add: true, around: 8 },
  { M: 70, rows: 1, N: 72, K: 128, w: 'f16', byK: false, y: 'f32', scale: 0.5, add: true, bias: true },
  { M: 131, rows: 131, N: 200, K: 256, w: 'f16', byK: false, y: 'f16', around: 16 },
  { M: 128, rows: 128, N: 128, K: 128, w: 'offset16', byK: false, y: 'f32', bias: true, rank: 16, widths: [64, 64] },
  { M: 77, rows: 70, N: 72, K: 128, w: 'f16', byK: false, y: 'f32', add: true, scale: 4, rank: 32 },
  { M: 140, rows: 139, N: 192, K: 128, w: 'zero16', byK: false, y: 'f16', rank: 64, widths: [64, 64, 64] },
  { M: 80, rows: 75, N: 128, K: 96, w: 'offset16', byK: true, y: 'f16' },
  { M: 149, rows: 149, N: 384, K: 128, w: 'zero16', byK: true, y: 'f32', add: true, group: 64 },
  { M: 66, rows: 65, N: 256, K: 160, w: 'offset32', byK: true, y: 'f16', around: 8 },
  { M: 131, rows: 130, N: 128, K: 72, w: 'f16', byK: true, y: 'f32', scale: 2, around: 8 },
  { M: 96, rows: 96, N: 256, K: 136, w: 'f16', byK: true, y: 'f16' },
  { M: 80, rows: 77, N: 96, K: 64, w: 'f16', byK: false, y: 'f16', rank: 16 },
  // Tiles of x and of H have one shape.
  { M: 80, rows: 80, N: 96, K: 64, w: 'offset16', byK: false, y: 'f32', rank: 64 },
  { M: 80, rows: 80, N: 192, K: 96, w: 'offset16', byK: true, y: 'f32' },
  { M: 130, rows: 80, N: 72, K: 128, w: 'offset16', byK: false, y: 'f16', plan: MANY },
  { M: 130, rows: 80, N: 128, K: 128, w: 'zero16', byK: true, y: 'f16', plan: MANY },
];

describeMatrixGpu('linear tall', (gpu) => {
  test.each(CASES)('%j', async (c) => {
    const g = gpu();
    const { M, rows, N, K, byK, around = 0, group = 32, scale = 1, plan = SMALL } = c;
    // The sum's length and the width of what comes out.
    const [R, C] = byK ? [N, K] : [K, N];
    const next = uniform(3);
    let W: Float64Array;
    let weight: Weight;
    if (c.w === 'f16') {
      W = normal(2, N * K, 'f16', R ** -0.5);
      weight = { kind: 'dense', N, K, data: toGpu(g, 'W', 'f16', [N, K], W) as never };
    } else {
      const words = Uint32Array.from({ length: (N * K) / 8 }, () => next() * 2 ** 32);
      const groups = N * (K / group);
      const a = Array.from({ length: groups }, () => Math.fround(((0.05 + next()) * 0.2) / Math.sqrt(R)));
      const b = a.map((s) => (c.w === 'zero16' ? Math.floor(16 * next()) : Math.fround(-s * 15 * next())));
      const f32 = new Float32Array(a.flatMap((s, i) => [s, b[i]]));
      const params =
        c.w === 'offset32'
          ? new Uint32Array(f32.buffer)
          : Uint32Array.from(a, (s, i) => (toHalf(s) + toHalf(b[i]) * 65536) >>> 0);
      W = dequantizeRef(words, params, N, K, group, c.w);
      weight = {
        ...{ kind: 'q4', N, K, group, meta: c.w },
        words: g.upload('words', 'u32', [N, K / 8], words),
        params: g.upload('params', 'u32', [params.length], params),
      };
    }
    const ldx = R + 2 * around;
    const x = normal(1, M * ldx, 'f16');
    const ldy = C + around;
    const before = normal(5, M * ldy, c.y);
    const y = c.add ? toGpu(g, 'y', c.y, [M, ldy], before) : poisoned(g, 'y', c.y, [M, ldy]);
    const bias = c.bias ? normal(6, C) : undefined;
    const { rank = 0, widths = [C] } = c;
    const G = widths.length;
    const H = normal(7, M * G * rank);
    const B = normal(8, C * rank, 'f32', 0.2);
    const loraScale = 3;
    const call: Tall = {
      ...{ x: toGpu(g, 'x', 'f16', [M, ldx], x), first: around, weight, byK, y, column: around },
      ...{ rows: g.dim('rows', rows), add: c.add, scale, bias: bias && toGpu(g, 'bias', 'f32', [C], bias) },
      update: rank
        ? {
            H: toGpu(g, 'H', 'f32', [M, G * rank], H),
            lora: {
              ...{ r: rank, scale: loraScale, A: undefined as unknown as Tensor },
              ...{ B: toGpu(g, 'B', 'f32', [C, rank], B), widths: G > 1 ? widths : undefined },
            },
          }
        : undefined,
    };
    const shape: TallShape = {
      ...{
        M,
        N: C,
        K: R,
        x: 'f16',
        w: c.w === 'f16' ? 'f16' : 'u32',
        group,
        byK,
        ldx,
        first: around,
        ldy,
        column: around,
      },
      update: rank ? { rank, widths: G > 1 ? widths : undefined } : undefined,
    };
    expect(tallFits(g.caps, shape, plan)).toBe(true);
    const r = new Recorder(g);
    recordTall(r, call, 'linear', plan);
    (await r.finish()).replay();
    const got = await fromGpu(g, y);

    const expected = new Float64Array(M * ldy);
    const allowed = new Float64Array(M * ldy);
    for (let m = 0; m < M; m++)
      for (let n = 0; n < ldy; n++) {
        const i = m * ldy + n;
        const o = n - around;
        if (m >= rows || o < 0) {
          expected[i] = c.add ? before[i] : 1e6;
          continue;
        }
        let [sum, size] = [0, 0];
        for (let k = 0; k < R; k++) {
          const term = x[m * ldx + around + k] * (byK ? W[k * K + o] : W[o * K + k]);
          sum += term;
          size += Math.abs(term);
        }
        let [update, updateSize] = [0, 0];
        let block = 0;
        for (let edge = widths[0]; o >= edge; edge += widths[++block]);
        for (let k = 0; k < rank; k++) {
          const term = H[m * G * rank + block * rank + k] * B[o * rank + k];
          update += term;
          updateSize += Math.abs(term);
        }
        const held = c.add ? before[i] : 0;
        expected[i] = scale * sum + loraScale * update + (bias?.[o] ?? 0) + held;
        const all = scale * size + loraScale * updateSize + Math.abs(bias?.[o] ?? 0) + Math.abs(held);
        // Weights and what the update is made of are rounded to f16, W twice where its zero point is subtracted.
        allowed[i] =
          scale * size * (c.w === 'f16' ? 0 : 4 * EPS.f16) +
          loraScale * updateSize * 2.01 * EPS.f16 +
          all * (R + rank + 8) * EPS.f32;
      }
    const poison = (v: number) => (Number.isNaN(v) ? 1e6 : v);
    expectClose(got.map(poison), expected, c.y === 'f16' ? EPS.f16 : 0, allowed);
  });

  test('tiles: columns of f16 and f32, whatever the rows', async () => {
    const g = gpu();
    for (const dtype of ['f16', 'f32'] as const) {
      const [M, LD, K, column, rows] = [37, 64, 32, 16, 35];
      const x = normal(4, M * LD, dtype);
      const r = new Recorder(g);
      const out = tiles(r, { x: toGpu(g, 'x', dtype, [M, LD], x), rows: g.dim('rows', rows), column, K }, 'tiles');
      (await r.finish()).replay();
      const got = await fromGpu(g, out);
      expect(out.shape).toEqual([48, K]);
      for (let m = 0; m < rows; m++)
        for (let k = 0; k < K; k++) {
          const at = ((m >> 4) * (K / 16) + (k >> 4)) * 256 + (m % 16) * 16 + (k % 16);
          expect(Math.abs(got[at] - x[m * LD + column + k])).toBeLessThanOrEqual(EPS.f16 * Math.abs(got[at]));
        }
    }
  });
});

describe('tall', () => {
  const base: TallShape = {
    ...{ M: 5888, N: 3584, K: 18944, x: 'f16', w: 'u32', group: 128, byK: false },
    ...{ ldx: 18944, first: 0, ldy: 3584, column: 0 },
  };
  test('fits what it was made for', () => {
    expect(tallFits(H200, base)).toBe(true);
    const not: Partial<TallShape>[] = [
      ...[
        { M: 255 },
        { N: 120 },
        { K: 18944 + 32 },
        { x: 'f32' },
        { w: 'f32' },
        { group: 16 },
        { ldy: 3582 },
        { ldx: 18948 },
      ],
      ...[
        { byK: true, N: 3588 },
        { update: { rank: 8 } },
        { update: { rank: 128 } },
        { update: { rank: 32, widths: [64, 3520] } },
      ],
    ] as Partial<TallShape>[];
    expect(not.filter((change) => tallFits(H200, { ...base, ...change }))).toEqual([]);
    expect(tallFits({ ...H200, maxWorkgroupStorage: 32768 }, base)).toBe(false);
    expect(tallFits({ ...H200, matrix: false }, base)).toBe(false);
  });
  test('costs what was measured, within a tenth', () => {
    // µs with tiles at 1,955 MHz: results/h200/gemm-tall.txt.
    for (const [M, N, K, us] of [
      [4096, 4096, 4096, 408],
      [5888, 37888, 3584, 4343],
      [5888, 3584, 18944, 2312],
    ])
      expect(tallClocks({ M, N, K }) / 1955 / us).toBeCloseTo(1, 1);
  });
  test.skipIf('Deno' in globalThis)('the real texts compile', async () => {
    const texts: string[] = [];
    const tensor = (dtype: string, shape: number[]) => ({ dtype, shape }) as unknown as Tensor;
    for (const byK of [false, true])
      for (const meta of ['offset16', 'zero16', 'offset32', undefined])
        for (const update of byK ? [false] : [false, true])
          for (const [y, add, bias] of [
            ['f16', false, true],
            ['f32', true, false],
          ] as const) {
            const N = bias ? 1024 : 960;
            const weight = meta ? { kind: 'q4', N, K: N - 512, group: 32, meta } : { kind: 'dense', N, K: N - 512 };
            const lora = { r: 32, scale: 2, B: tensor('f32', [1024, 32]), widths: [512, 256, 256] };
            texts.push(
              tallCode(
                {
                  ...{ x: tensor('f16', [4096, byK ? 1024 : 512]), weight: weight as unknown as Weight, byK, add },
                  ...{ y: tensor(y, [4096, byK ? 512 : 1024]), rows: undefined as never },
                  bias: bias ? tensor('f32', [1024]) : undefined,
                  update: update ? { H: tensor('f32', [4096, 96]), lora: lora as never } : undefined,
                },
                TALL,
              ),
            );
          }
    await compileAll(texts);
  });
});
