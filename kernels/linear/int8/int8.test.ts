/** Rows and weights as i8 and their product, at small tiles that a CPU runs; and the texts of the real ones. */
import { describe, expect, test } from 'vitest';
import type { Caps } from '../../../src/gpu/adapter.ts';
import { Recorder } from '../../../src/gpu/recorder.ts';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../../test/matrix_gpus.ts';
import { fromGpu, normal, poisoned, toGpu } from '../../../test/numeric.ts';
import { weights } from '../linear.check.ts';
import type { Q4Meta, Q4Weight } from '../weights.ts';
import { dotInt8, epilogueRef, fromTiles, ROUNDING, roundingError, scaleRef } from './int8.ref.ts';
import {
  INT8_PLANS,
  type Int8Linear,
  type Int8Plan,
  type Int8Rows,
  int8Code,
  int8Fits,
  int8Plan,
  int8Weight,
  quantizeCode,
  quantizeRows,
  recordInt8,
  requantizeCode,
  requantizeW,
} from './int8.ts';

const SMALL: Int8Plan = { BM: 64, BN: 64, BK: 64, WM: 16, WN: 64, GROUP_M: 2 };
/** Subgroups of 32 x 32. */
const SQUARE: Int8Plan = { ...SMALL, WM: 32, WN: 32 };
const [LARGE, LESS] = INT8_PLANS;

interface Case {
  M: number;
  rows: number;
  N: number;
  K: number;
  meta: Q4Meta;
  group: number;
  plan: Int8Plan;
  y: 'f16' | 'f32';
  bias?: boolean;
  add?: boolean;
  scale?: number;
  /** Columns of x before and after those that are meant, and of y before. */
  around?: number;
}

const CASES: Case[] = [
  { M: 80, rows: 75, N: 100, K: 256, meta: 'offset16', group: 32, plan: SMALL, y: 'f16' },
  { M: 149, rows: 149, N: 64, K: 384, meta: 'zero16', group: 128, plan: SMALL, y: 'f16', bias: true },
  { M: 64, rows: 64, N: 64, K: 32, meta: 'offset16', group: 32, plan: SMALL, y: 'f32' },
  { M: 130, rows: 70, N: 136, K: 96, meta: 'offset32', group: 32, plan: SMALL, y: 'f32', add: true, around: 8 },
  { M: 70, rows: 1, N: 72, K: 288, meta: 'zero16', group: 32, plan: SQUARE, y: 'f32', add: true, bias: true },
  { M: 131, rows: 131, N: 200, K: 160, meta: 'offset16', group: 64, plan: SQUARE, y: 'f16', around: 16 },
  { M: 80, rows: 75, N: 132, K: 512, meta: 'offset32', group: 64, plan: SMALL, y: 'f32', add: true, scale: 16 },
  { M: 149, rows: 140, N: 132, K: 224, meta: 'zero16', group: 128, plan: LESS, y: 'f16', bias: true, scale: 0.3 },
  { M: 421, rows: 410, N: 228, K: 288, meta: 'offset16', group: 32, plan: LARGE, y: 'f16', bias: true },
  { M: 421, rows: 410, N: 228, K: 480, meta: 'offset16', group: 32, plan: LARGE, y: 'f32', add: true },
];

const I8: Caps = { ...H200, matrixI8: true };

describeMatrixGpu('linear int8', (gpu, emulated) => {
  test.each(CASES)('%j', async (c) => {
    const g = gpu();
    if (emulated) Object.assign(g.caps, { matrixI8: true });
    if (!g.caps.matrixI8) return;
    const { M, rows, N, K, plan, around = 0, scale } = c;
    // lavapipe has less workgroup memory than the largest tiles take.
    if (emulated && plan === LARGE) return;
    const { weight, W } = weights(g, `${c.meta} ${c.group}`, N, K);
    const ldx = K + 2 * around;
    const x = normal(1, M * ldx, 'f16');
    // A row of zeros, and one of which one number is large.
    x.fill(0, 3 * ldx, 4 * ldx);
    x[5 * ldx + around + 1] = -300;
    const ldy = N + around;
    const before = normal(5, M * ldy, c.y);
    const y = c.add ? toGpu(g, 'y', c.y, [M, ldy], before) : poisoned(g, 'y', c.y, [M, ldy]);
    const bias = c.bias ? normal(6, N) : undefined;
    const dim = g.dim('rows', rows);
    expect(int8Fits(g.caps, { M, N, K, ldy, column: around }, plan)).toBe(true);

    const r = new Recorder(g);
    const qx = quantizeRows(
      r,
      { x: toGpu(g, 'x', 'f16', [M, ldx], x), rows: dim, column: around, K, to: plan.BK },
      'x',
    );
    const qw = int8Weight(r, weight as Q4Weight, plan.BK, 'W');
    requantizeW(r, weight as Q4Weight, qw);
    recordInt8(
      r,
      {
        ...{ x: qx, w: qw, N, y, column: around, rows: dim, add: c.add, scale },
        bias: bias && toGpu(g, 'bias', 'f32', [N], bias),
      },
      'linear',
      plan,
    );
    for (const t of [qx.tiles, qx.scale, qw.tiles, qw.scale])
      g.device.queue.writeBuffer(t.buffer, 0, new Uint8Array(t.bytes).fill(0xff));
    (await r.finish()).replay();

    const read = async (q: Int8Rows, n: number, squares: boolean) => {
      const tiles = new Int8Array(((await g.read(q.tiles)) as Uint32Array).buffer);
      const all = Array.from({ length: n }, (_, i) => i);
      return { q: fromTiles(tiles, all, q.K, squares), scale: await fromGpu(g, q.scale) };
    };
    const X = await read(qx, rows, false);
    for (let m = 0; m < rows; m++) {
      const row = x.subarray(m * ldx + around, m * ldx + around + K);
      expect(Math.abs(X.scale[m] - scaleRef(row))).toBeLessThanOrEqual(6 * 2 ** -24 * scaleRef(row));
      expect(roundingError(X.q[m], row, X.scale[m])).toBeLessThanOrEqual(ROUNDING);
    }
    const V = await read(qw, N, true);
    for (let n = 0; n < N; n++) {
      const row = W.subarray(n * K, n * K + K);
      expect(Math.abs(V.scale[n] - scaleRef(row))).toBeLessThanOrEqual(32 * 2 ** -24 * scaleRef(row));
      expect(roundingError(V.q[n], row, V.scale[n])).toBeLessThanOrEqual(ROUNDING);
    }
    const got = await fromGpu(g, y);
    for (let m = 0; m < M; m++)
      for (let o = 0; o < ldy; o++) {
        const n = o - around;
        const at = m * ldy + o;
        if (m >= rows || n < 0) {
          if (!Object.is(got[at], c.add ? before[at] : Number.NaN))
            throw new Error(`y[${m}, ${o}] was written: ${got[at]}`);
          continue;
        }
        const { value, allowed } = epilogueRef(dotInt8(X.q[m], V.q[n]), X.scale[m], V.scale[n], c.y, {
          bias: bias?.[n],
          held: c.add ? before[at] : 0,
          scale,
        });
        if (!(Math.abs(got[at] - value) <= allowed))
          throw new Error(`y[${m}, ${o}] is ${got[at]} instead of ${value}, allowed ${allowed}`);
      }
  });
});

describe('int8', () => {
  test('plans fit what they are for, and no other', () => {
    const s = { M: 5888, N: 3584, K: 18944, ldy: 3584, column: 0 };
    for (const p of INT8_PLANS) {
      expect(int8Fits(I8, s, p)).toBe(true);
      expect(int8Fits(H200, s, p)).toBe(false);
      expect(
        [{ M: p.BM - 16 }, { N: p.BN - 16 }, { N: 3582 }, { K: 18928 }].filter((c) => int8Fits(I8, { ...s, ...c }, p)),
      ).toEqual([]);
    }
  });
  test('a layer gets the first plan that fits, and none where its weights or its x are others', () => {
    const tensor = (dtype: string, shape: number[]) => ({ dtype, shape }) as unknown as Tensor;
    const weight = { kind: 'q4', N: 1024, K: 576, group: 32, meta: 'offset16' } as unknown as Q4Weight;
    const call = (M: number, more: Partial<Int8Linear> = {}) =>
      ({ x: tensor('f16', [M, 576]), y: tensor('f32', [M, 1024]), weight, ...more }) as Int8Linear;
    expect(int8Plan(I8, call(4096))).toBe(LARGE);
    expect(int8Plan({ ...I8, maxWorkgroupStorage: 32768 }, call(4096))).toBe(LESS);
    expect(int8Plan(I8, call(144))).toBe(LESS);
    for (const none of [
      int8Plan(I8, call(100)),
      int8Plan(H200, call(4096)),
      int8Plan(I8, call(4096, { x: tensor('f32', [4096, 576]) })),
      int8Plan(I8, call(4096, { weight: { ...weight, perm: tensor('u32', [576]) } })),
      int8Plan(I8, call(4096, { weight: { ...weight, group: 8 } })),
      int8Plan(
        I8,
        call(4096, { weight: { kind: 'dense', N: 1024, K: 576, data: tensor('f16', [1024, 576]) } as never }),
      ),
    ])
      expect(none).toBe(undefined);
  });
  test.skipIf('Deno' in globalThis)('the real texts compile', async () => {
    const tensor = (dtype: string, shape: number[]) => ({ dtype, shape }) as unknown as Tensor;
    const texts = [
      quantizeCode({ K: 576, KP: 640, LD: 576, column: 0 }),
      quantizeCode({ K: 18944, KP: 18944, LD: 18960, column: 8 }),
    ];
    for (const meta of ['offset16', 'zero16', 'offset32'] as const)
      texts.push(requantizeCode({ N: 100, K: 3584, group: 32, meta }, 3584, 1024));
    for (const p of INT8_PLANS)
      for (const [dtype, add, bias] of [
        ['f16', false, true],
        ['f32', true, false],
      ] as const)
        texts.push(
          int8Code(
            {
              ...{ x: { K: bias ? 640 : 768 } as Int8Rows, w: {} as Int8Rows, N: 1000, y: tensor(dtype, [4096, 1024]) },
              ...{ rows: undefined as never, add, bias: bias ? tensor('f32', [1000]) : undefined },
            },
            4096,
            p,
          ),
        );
    await compileAll(texts, I8);
  });
});
