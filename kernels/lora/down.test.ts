/** H = d(x) Aᵀ in one dispatch, with x in tiles: every output, awkward shapes, and the real texts. */
import { describe, expect, test } from 'vitest';
import { atOnceBeside } from '../../scripts/device/adapters.tiles.ts';
import type { Tensor } from '../../src/gpu/tensor.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { dropoutRef } from '../dropout/dropout.ref.ts';
import { keyOf } from '../dropout/philox.ts';
import { linearRef } from '../linear/linear.ref.ts';
import { recordTall } from '../linear/linear.tall.ts';
import type { DenseWeight } from '../linear/weights.ts';
import { type DownPlan, type DownShape, downCode, downFits, planDown, recordDown } from './down.ts';
import { loraRef } from './lora.ref.ts';

interface Case {
  /** Capacity and rows. */
  M: number;
  rows: number;
  K: number;
  ranks: number;
  /** Dropout. */
  p: number;
  plan: DownPlan;
  /** What is written. */
  out: ('H' | 'H in tiles' | 'x in tiles')[];
}

const ALL: Case['out'] = ['H', 'H in tiles', 'x in tiles'];
const CASES: Case[] = [
  { M: 70, rows: 67, K: 144, ranks: 96, p: 0.25, plan: { BM: 48, BK: 64, COLS: 2, SLICES: 4 }, out: ALL },
  { M: 49, rows: 49, K: 128, ranks: 32, p: 0, plan: { BM: 48, BK: 128, COLS: 1, SLICES: 8 }, out: ALL },
  { M: 40, rows: 33, K: 272, ranks: 16, p: 0.5, plan: { BM: 16, BK: 256, COLS: 1, SLICES: 8 }, out: ALL },
  { M: 100, rows: 100, K: 16, ranks: 64, p: 0.05, plan: { BM: 32, BK: 64, COLS: 2, SLICES: 2 }, out: ['H'] },
  { M: 65, rows: 1, K: 96, ranks: 48, p: 0, plan: { BM: 64, BK: 64, COLS: 1, SLICES: 4 }, out: ALL.slice(1) },
  {
    M: 90,
    rows: 81,
    K: 208,
    ranks: 80,
    p: 0.25,
    plan: { BM: 32, BK: 128, COLS: 1, SLICES: 4 },
    out: ['H', 'x in tiles'],
  },
];

/** Where [m, k] of a tensor in tiles lies. */
const inTiles = (m: number, k: number, K: number) => ((m >> 4) * (K / 16) + (k >> 4)) * 256 + (m % 16) * 16 + (k % 16);

describeMatrixGpu('lora down', (gpu) => {
  test.each(CASES)('%j', async ({ M, rows, K, ranks, p, plan, out }) => {
    const g = gpu();
    const shape: DownShape = { M, K, ranks, x: 'f16' };
    expect(downFits(g.caps, shape, plan)).toBe(true);
    const [x, A] = [normal(1, M * K, 'f16'), normal(2, ranks * K, 'f32', K ** -0.5)];
    const place = { key: keyOf(9), step: 4, site: 6, p };
    const seen = dropoutRef(x, place);
    const M16 = 16 * Math.ceil(M / 16);
    const H = poisoned(g, 'H', 'f32', [M, ranks]);
    const hTiles = poisoned(g, 'H in tiles', 'f16', [M16, ranks]);
    const xTiles = poisoned(g, 'x in tiles', 'f16', [M16, K]);
    const wanted = <T>(what: Case['out'][number], t: T) => (out.includes(what) ? t : undefined);
    await runOnce(g, (r) =>
      recordDown(
        r,
        {
          ...{ x: toGpu(g, 'x', 'f16', [M, K], x), A: toGpu(g, 'A', 'f32', [ranks, K], A), rows: g.dim('rows', rows) },
          dropout: p ? { p, site: 6, state: g.dim('state', ...place.key, place.step) } : undefined,
          ...{ H: wanted('H', H), hTiles: wanted('H in tiles', hTiles), xTiles: wanted('x in tiles', xTiles) },
        },
        plan,
      ),
    );

    const eye = Float64Array.from({ length: ranks * ranks }, (_, i) => (i % (ranks + 1) ? 0 : 1));
    const s = { M, N: ranks, K, r: ranks, scale: 1 };
    const expected = loraRef(seen, A, eye, s);
    // A is rounded to f16 and x is not; sums of K terms, of the slices, and the factor 1 / (1 - p).
    const size = loraRef(seen.map(Math.abs), A.map(Math.abs), eye, s);
    const allowed = size.map((v) => v * (EPS.f16 + (K + plan.SLICES + 4) * EPS.f32));
    const poison = (v: number) => (Number.isNaN(v) ? 1e6 : v);
    /** In rows and columns; what is not to be written is poison. */
    const compare = async (
      what: Case['out'][number],
      t: Tensor,
      width: number,
      values: Float64Array,
      rtol: number,
      atol: Float64Array,
    ) => {
      const got = (await fromGpu(g, t)).map(poison);
      const written = out.includes(what) ? rows : 0;
      const want = new Float64Array(got.length).fill(1e6);
      const off = new Float64Array(got.length);
      for (let m = 0; m < written; m++)
        for (let k = 0; k < width; k++) {
          const at = what === 'H' ? m * width + k : inTiles(m, k, width);
          want[at] = values[m * width + k];
          off[at] = atol[m * width + k] + rtol * Math.abs(want[at]);
        }
      expectClose(got, want, 0, off);
    };
    await compare('H', H, ranks, expected, 0, allowed);
    await compare(
      'H in tiles',
      hTiles,
      ranks,
      expected,
      EPS.f16,
      allowed.map((v) => v * (1 + EPS.f16) + 2 ** -25),
    );
    await compare('x in tiles', xTiles, K, x, 0, new Float64Array(M * K));
  });

  // [rows, K, rank, widths, dropout]
  test.each([
    [77, 128, 32, [128, 64, 64], 0.25],
    [64, 192, 16, [100], 0],
  ] as const)('[%d, %d] rank %d, columns %j: what it leaves in tiles is what linear.tall.wgsl reads', async (...c) => {
    const [M, K, r, widths, p] = c;
    const g = gpu();
    const [G, N] = [widths.length, widths.reduce((a: number, b: number) => a + b, 0)];
    const [x, W] = [normal(1, M * K, 'f16'), normal(2, N * K, 'f16', K ** -0.5)];
    const [A, B] = [normal(3, G * r * K, 'f32', K ** -0.5), normal(4, N * r, 'f32', 0.2)];
    const place = { key: keyOf(9), step: 4, site: 6, p };
    const M16 = 16 * Math.ceil(M / 16);
    const y = poisoned(g, 'y', 'f16', [M, N]);
    const hTiles = poisoned(g, 'H in tiles', 'f16', [M16, G * r]);
    const xTiles = poisoned(g, 'x in tiles', 'f16', [M16, K]);
    const call = { x: toGpu(g, 'x', 'f16', [M, K], x), rows: g.dim('rows', M) };
    const matrices = { A: toGpu(g, 'A', 'f32', [G * r, K], A), B: toGpu(g, 'B', 'f32', [N, r], B) };
    const weight: DenseWeight = { kind: 'dense', N, K, data: toGpu(g, 'W', 'f16', [N, K], W) as DenseWeight['data'] };
    const dropout = p ? { p, site: 6, state: g.dim('state', ...place.key, place.step) } : undefined;
    const ran = await runOnce(g, (rec) => {
      const plan: DownPlan = { BM: 48, BK: 64, COLS: G > 1 ? 2 : 1, SLICES: 4 };
      recordDown(rec, { ...call, A: matrices.A, dropout, hTiles, xTiles }, plan);
      const lora = { r, scale: 2, ...matrices, widths: G > 1 ? widths : undefined };
      const tall = { form: 'tall', BM: 64, BN: 64, WM: 16, WN: 64, GROUP_M: 8, AHEAD: 3 } as const;
      recordTall(rec, { ...call, weight, byK: false, y, xTiles, update: { lora, H: hTiles } }, 'linear', tall);
    });
    expect(ran.map((d) => d.label)).toEqual(['lora A dense rows, tiles', 'linear dense tall']);

    const owner = (widths as readonly number[]).flatMap((width, block) => new Array<number>(width).fill(block));
    const whole = new Float64Array(N * G * r);
    for (let n = 0; n < N; n++) for (let j = 0; j < r; j++) whole[n * G * r + owner[n] * r + j] = B[n * r + j];
    const abs = (v: Float64Array) => v.map(Math.abs);
    const s = { M, N, K, r: G * r, scale: 2 };
    const mask = p ? dropoutRef(new Float64Array(M * K).fill(1), place) : undefined;
    const update = loraRef(x, A, whole, s, mask);
    const sizeUpdate = loraRef(abs(x), abs(A), abs(whole), s, mask);
    const size = linearRef(abs(x), abs(W), M, N, K);
    const expected = linearRef(x, W, M, N, K).map((v, i) => v + update[i]);
    // A, H and B are rounded to f16, in that order; sums are of K and r terms.
    const share = (K + r + 16) * EPS.f32;
    const atol = expected.map((_, i) => share * size[i] + (share + 3.01 * EPS.f16) * sizeUpdate[i]);
    expectClose(await fromGpu(g, y), expected, EPS.f16, atol);
  });
});

describe('plans of an adapter that takes its rows at once', () => {
  const plan = (M: number, K: number, ranks: number, x: 'f16' | 'f32' = 'f16') => planDown(H200, { M, K, ranks, x });
  test('an H200 has a workgroup for nearly every processor, of long steps', () => {
    // 0.5B: q, k and v; o; gate and up; down. Then 7B's q, k and v, and o.
    expect(plan(5888, 896, 96)).toEqual({ BM: 48, BK: 128, COLS: 2, SLICES: 4 });
    expect(plan(5888, 896, 32)).toEqual({ BM: 48, BK: 256, COLS: 1, SLICES: 8 });
    expect(plan(5888, 896, 64)).toEqual({ BM: 48, BK: 128, COLS: 2, SLICES: 4 });
    expect(plan(5888, 3584, 32)).toEqual({ BM: 48, BK: 256, COLS: 1, SLICES: 8 });
    expect(plan(5888, 4864, 32)).toBe(undefined);
    expect(plan(5888, 3584, 96)).toEqual({ BM: 48, BK: 128, COLS: 2, SLICES: 4 });
    expect(plan(2304, 896, 96)).toEqual({ BM: 32, BK: 128, COLS: 2, SLICES: 4 });
  });
  test('what it does not serve', () => {
    expect(plan(255, 896, 32)).toBe(undefined);
    expect(plan(5888, 18944, 32)).toBe(undefined);
    expect(plan(2000, 3584, 32)).toBe(undefined);
    expect(plan(5888, 904, 32)).toBe(undefined);
    expect(plan(5888, 896, 8)).toBe(undefined);
    expect(plan(5888, 896, 112)).toBe(undefined);
    expect(plan(5888, 896, 32, 'f32')).toBe(undefined);
    expect(planDown({ ...H200, matrix: false }, { M: 5888, K: 896, ranks: 32, x: 'f16' })).toBe(undefined);
  });
  test('memory and threads of a smaller GPU are enough', () => {
    for (const ranks of [16, 32, 48, 64, 80, 96]) {
      const s: DownShape = { M: 5888, K: 896, ranks, x: 'f16' };
      const small = { ...H200, maxWorkgroupStorage: 32768, maxInvocations: 256 };
      expect(downFits(small, s, planDown(small, s)!)).toBe(true);
    }
  });
  test.skipIf('Deno' in globalThis)('the real texts compile, those too that scripts/device/lora.ts tries', async () => {
    const tensor = (dtype: string, ...shape: number[]) => ({ dtype, shape }) as unknown as Tensor;
    const texts: string[] = [];
    for (const [K, ranks] of [
      [896, 96],
      [3584, 32],
      [576, 64],
      [896, 16],
      [1024, 80],
    ])
      for (const p of [0, 0.05])
        for (const all of [false, true]) {
          const call = {
            ...{ x: tensor('f16', 5888, K), A: tensor('f32', ranks, K), H: tensor('f32', 5888, ranks) },
            ...(all && { hTiles: tensor('f16', 5888, ranks), xTiles: tensor('f16', 5888, K) }),
            ...(p && { dropout: { p, site: 1, state: undefined as never } }),
          };
          const s: DownShape = { M: 5888, K, ranks, x: 'f16' };
          const plans = atOnceBeside(planDown(H200, s)!).filter((p) => downFits(H200, s, p));
          expect(plans.length).toBeGreaterThan(3);
          for (const p of plans) texts.push(downCode(call, p));
        }
    await compileAll(texts);
  });
});
