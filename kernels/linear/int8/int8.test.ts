/** Rows and weights as i8 and their product, at small tiles that a CPU runs; and the texts of the real ones. */
import { describe, expect, test } from 'vitest';
import type { Caps } from '../../../src/gpu/adapter.ts';
import type { Gpu } from '../../../src/gpu/gpu.ts';
import { Recorder } from '../../../src/gpu/recorder.ts';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import { compileAll, describeMatrixGpu, H200, int8Gpu } from '../../../test/matrix_gpus.ts';
import { fromGpu, normal, poisoned, toGpu } from '../../../test/numeric.ts';
import { weights } from '../linear.check.ts';
import type { Q4Meta, Q4Weight } from '../weights.ts';
import { dotInt8, epilogueRef, fromTiles, hadamardRef, ROUNDING, roundingError, scaleRef } from './int8.ref.ts';
import {
  INT8_PLANS,
  type Int8Backward,
  type Int8Linear,
  type Int8Plan,
  int8BackwardPlan,
  int8Code,
  int8Fits,
  int8Plan,
  linearBackwardInt8,
  linearInt8,
  recordInt8,
} from './int8.ts';
import { type Int8Rows, measureInt8, quantizeCode, quantizeRows, requantize, weightCode } from './operands.ts';

const SMALL: Int8Plan = { BM: 64, BN: 64, BK: 64, WM: 16, WN: 64, GROUP_M: 2, AHEAD: 3 };
/** Subgroups of 32 x 32. */
const SQUARE: Int8Plan = { ...SMALL, WM: 32, WN: 32, AHEAD: 1 };
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

const BACKWARD: Case[] = [
  { M: 80, rows: 75, N: 96, K: 256, meta: 'offset16', group: 32, plan: SMALL, y: 'f16' },
  { M: 149, rows: 149, N: 64, K: 384, meta: 'zero16', group: 128, plan: SMALL, y: 'f32', add: true, around: 8 },
  { M: 64, rows: 1, N: 32, K: 96, meta: 'offset32', group: 32, plan: SMALL, y: 'f32' },
  { M: 131, rows: 131, N: 160, K: 288, meta: 'offset16', group: 48, plan: SQUARE, y: 'f16', around: 16, scale: 16 },
  { M: 149, rows: 140, N: 224, K: 160, meta: 'zero16', group: 32, plan: LESS, y: 'f16', add: true, scale: 0.3 },
  { M: 421, rows: 410, N: 480, K: 288, meta: 'offset16', group: 32, plan: LARGE, y: 'f16' },
];

const I8: Caps = { ...H200, matrixI8: true };

/** Runs a recording whose scratch is poisoned. */
async function replayPoisoned(g: Gpu, r: Recorder, scratch: readonly Tensor[]): Promise<void> {
  for (const t of scratch) g.device.queue.writeBuffer(t.buffer, 0, new Uint8Array(t.bytes).fill(0xff));
  (await r.finish()).replay();
}

interface Rows {
  q: Int8Array[];
  scale: Float64Array;
}

async function readRows(g: Gpu, q: Int8Rows, n: number, squares: boolean): Promise<Rows> {
  const tiles = new Int8Array(((await g.read(q.tiles)) as Uint32Array).buffer);
  const all = Array.from({ length: n }, (_, i) => i);
  return { q: fromTiles(tiles, all, q.K, squares), scale: await fromGpu(g, q.scale) };
}

/** That a row's whole numbers and its scale, divided by `part`, are those of these numbers. */
function expectRow({ q, scale }: Rows, i: number, exact: Float64Array, part = 1): void {
  const { value, allowed } = scaleRef(exact);
  expect(Math.abs(scale[i] / part - value)).toBeLessThanOrEqual(allowed);
  expect(roundingError(q[i], exact, scale[i] / part)).toBeLessThanOrEqual(ROUNDING);
}

describeMatrixGpu('linear int8', (gpu, emulated) => {
  test.each(CASES)('%j', async (c) => {
    const g = int8Gpu(gpu(), emulated);
    if (!g) return;
    const { M, rows, N, K, plan, around = 0, scale } = c;
    // lavapipe has less workgroup memory than the largest tiles take.
    if (emulated && plan === LARGE) return;
    const { weight, W } = weights(g, `${c.meta} ${c.group}`, N, K) as { weight: Q4Weight; W: Float64Array };
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

    await measureInt8(g, [weight]);
    const r = new Recorder(g);
    const qx = quantizeRows(
      r,
      { x: toGpu(g, 'x', 'f16', [M, ldx], x), rows: dim, column: around, K, to: plan.BK },
      'x',
    );
    const qw = requantize(r, weight, 'rows', plan.BK, 'W');
    recordInt8(
      r,
      {
        ...{ x: qx, w: qw, N, y, column: around, rows: dim, add: c.add, scale },
        bias: bias && toGpu(g, 'bias', 'f32', [N], bias),
      },
      'linear',
      plan,
    );
    await replayPoisoned(g, r, [qx.tiles, qx.scale, qw.tiles]);

    const X = await readRows(g, qx, rows, false);
    for (let m = 0; m < rows; m++)
      expectRow(X, m, hadamardRef(x.subarray(m * ldx + around, m * ldx + around + K)), 1 / 32);
    const V = await readRows(g, qw, N, true);
    for (let n = 0; n < N; n++) expectRow(V, n, hadamardRef(W.subarray(n * K, n * K + K)));
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

  test.each(BACKWARD)('backward %j', async (c) => {
    const g = int8Gpu(gpu(), emulated);
    if (!g) return;
    const { M, rows, N, K, plan, around = 0, scale = 1 } = c;
    if (emulated && plan === LARGE) return;
    const { weight, W } = weights(g, `${c.meta} ${c.group}`, N, K) as { weight: Q4Weight; W: Float64Array };
    const ldy = N + 2 * around;
    const dy = normal(1, M * ldy, 'f16');
    dy.fill(0, 3 * ldy, 4 * ldy);
    dy[5 * ldy + around + 1] = -300;
    const before = normal(5, M * K, c.y);
    const dx = c.add ? toGpu(g, 'dx', c.y, [M, K], before) : poisoned(g, 'dx', c.y, [M, K]);
    const dim = g.dim('rows', rows);
    const call = { dy: toGpu(g, 'dy', 'f16', [M, ldy], dy), column: around, weight, dx, rows: dim, add: c.add, scale };

    await measureInt8(g, [weight], true);
    const r = new Recorder(g);
    const { x: qdy, w: qw } = linearBackwardInt8(r, call, plan);
    await replayPoisoned(g, r, [qdy.tiles, qdy.scale, qw.tiles]);

    const D = await readRows(g, qdy, rows, false);
    for (let m = 0; m < rows; m++)
      expectRow(D, m, hadamardRef(dy.subarray(m * ldy + around, m * ldy + around + N)), 1 / 32);
    const V = await readRows(g, qw, K, true);
    for (let k = 0; k < K; k++) expectRow(V, k, hadamardRef(Float64Array.from({ length: N }, (_, n) => W[n * K + k])));
    const got = await fromGpu(g, dx);
    for (let m = 0; m < M; m++)
      for (let k = 0; k < K; k++) {
        const at = m * K + k;
        if (m >= rows) {
          if (!Object.is(got[at], c.add ? before[at] : Number.NaN)) throw new Error(`dx[${m}, ${k}] was written`);
          continue;
        }
        const held = c.add ? before[at] : 0;
        const { value, allowed } = epilogueRef(dotInt8(D.q[m], V.q[k]), D.scale[m], V.scale[k], c.y, { held, scale });
        if (!(Math.abs(got[at] - value) <= allowed))
          throw new Error(`dx[${m}, ${k}] is ${got[at]} instead of ${value}, allowed ${allowed}`);
      }
  });

  test('the products are near x Wᵀ and dY W, as near where a few numbers are large', async () => {
    const g = int8Gpu(gpu(), emulated);
    if (!g) return;
    const [M, N, K] = [128, 128, 192];
    const { weight, W } = weights(g, 'offset16 32', N, K) as { weight: Q4Weight; W: Float64Array };
    await measureInt8(g, [weight], true);
    for (const large of [1, 50]) {
      const r = new Recorder(g);
      const rows = g.dim('rows', M);
      const outliers = (width: number) =>
        normal(1, M * width, 'f16').map((v, i) => ([3, width >> 1].includes(i % width) ? large * v : v));
      const [x, dy] = [outliers(K), outliers(N)];
      const [y, dx] = [poisoned(g, 'y', 'f32', [M, N]), poisoned(g, 'dx', 'f32', [M, K])];
      linearInt8(r, { x: toGpu(g, 'x', 'f16', [M, K], x), weight, y, rows }, SMALL);
      linearBackwardInt8(r, { dy: toGpu(g, 'dy', 'f16', [M, N], dy), weight, dx, rows }, SMALL);
      (await r.finish()).replay();
      const error = (
        got: Float64Array,
        left: Float64Array,
        outs: number,
        sums: number,
        w: (o: number, s: number) => number,
      ) => {
        let [off, size] = [0, 0];
        for (let m = 0; m < M; m++)
          for (let o = 0; o < outs; o++) {
            let [sum, square] = [0, 0];
            for (let s = 0; s < sums; s++) {
              sum += left[m * sums + s] * w(o, s);
              square += (left[m * sums + s] * w(o, s)) ** 2;
            }
            off += (got[m * outs + o] - sum) ** 2;
            size += square;
          }
        return Math.sqrt(off / size);
      };
      // Without turning, 1 % and, with large numbers, 20 %.
      expect(error(await fromGpu(g, y), x, N, K, (n, k) => W[n * K + k])).toBeLessThan(0.02);
      expect(error(await fromGpu(g, dx), dy, K, N, (k, n) => W[n * K + k])).toBeLessThan(0.02);
    }
  });

  test('a row that is not finite makes its products NaN, and no other', async () => {
    const g = int8Gpu(gpu(), emulated);
    if (!g) return;
    const [M, N, K] = [64, 64, 64];
    const { weight } = weights(g, 'offset16 32', N, K) as { weight: Q4Weight };
    await measureInt8(g, [weight]);
    const x = normal(1, M * K, 'f16');
    x[7 * K + 40] = Number.POSITIVE_INFINITY;
    x[9 * K + 3] = Number.NaN;
    const r = new Recorder(g);
    const y = poisoned(g, 'y', 'f32', [M, N]);
    linearInt8(r, { x: toGpu(g, 'x', 'f16', [M, K], x), weight, y, rows: g.dim('rows', M) }, SMALL);
    (await r.finish()).replay();
    const got = await fromGpu(g, y);
    for (let i = 0; i < M * N; i++) expect(Number.isNaN(got[i])).toBe([7, 9].includes(Math.floor(i / N)));
  });

  test('weights whose scales were not measured are refused', () => {
    const g = gpu();
    const { weight } = weights(g, 'offset16 32', 64, 64) as { weight: Q4Weight };
    const [x, y] = [g.tensor('x', 'f16', [64, 64]), g.tensor('y', 'f32', [64, 64])];
    expect(() => linearInt8(new Recorder(g), { x, weight, y, rows: g.dim('rows', 64) }, SMALL)).toThrow('not measured');
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
  test('and its gradient likewise, where its outputs are whole blocks of 32', () => {
    const tensor = (dtype: string, shape: number[]) => ({ dtype, shape }) as unknown as Tensor;
    const weight = { kind: 'q4', N: 1024, K: 576, group: 32, meta: 'offset16' } as unknown as Q4Weight;
    const call = (M: number, more: Partial<Int8Backward> = {}) =>
      ({ dy: tensor('f16', [M, 1024]), dx: tensor('f32', [M, 576]), weight, ...more }) as Int8Backward;
    expect(int8BackwardPlan(I8, call(4096))).toBe(LARGE);
    expect(int8BackwardPlan(I8, call(144))).toBe(LESS);
    for (const none of [
      int8BackwardPlan(I8, call(100)),
      int8BackwardPlan(H200, call(4096)),
      int8BackwardPlan(I8, call(4096, { dy: tensor('f32', [4096, 1024]) })),
      int8BackwardPlan(I8, call(4096, { column: 4 })),
      int8BackwardPlan(I8, call(4096, { weight: { ...weight, N: 1008 } })),
      int8BackwardPlan(I8, call(4096, { weight: { ...weight, perm: tensor('u32', [576]) } })),
    ])
      expect(none).toBe(undefined);
  });
  test.skipIf('Deno' in globalThis)('the real texts compile', async () => {
    const tensor = (dtype: string, shape: number[]) => ({ dtype, shape }) as unknown as Tensor;
    const texts = [
      quantizeCode({ K: 576, KP: 640, LD: 576, column: 0 }, 1024),
      quantizeCode({ K: 18944, KP: 18944, LD: 18960, column: 8 }, 1024),
    ];
    for (const meta of ['offset16', 'zero16', 'offset32'] as const)
      for (const direction of ['rows', 'columns'] as const)
        for (const measure of [false, true])
          texts.push(weightCode({ N: 96, K: 3584, group: 32, meta }, { direction, KP: 3584, measure }));
    for (const p of INT8_PLANS)
      for (const [dtype, add, bias] of [
        ['f16', false, true],
        ['f32', true, false],
      ] as const)
        texts.push(
          int8Code(
            {
              ...{
                x: { K: bias ? 640 : 768 } as Int8Rows,
                w: {} as Int8Rows,
                N: 1000,
                y: tensor(dtype, [4096, 1024]),
              },
              ...{ rows: undefined as never, add, bias: bias ? tensor('f32', [1000]) : undefined },
            },
            4096,
            p,
          ),
        );
    await compileAll(texts, I8);
  });
});
