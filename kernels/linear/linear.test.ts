import { describe, expect, test } from 'vitest';
import { type Caps, PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { toHalf } from '../../src/half.ts';
import { describeGpus } from '../../test/gpus.ts';
import { expectClose, normal, runOnce } from '../../test/numeric.ts';
import { type Case, named, run, shapeOfCase, weights } from './linear.check.ts';
import { plan, type TilePlan } from './linear.product.ts';
import { dequantizeRef, linearBackwardRef, linearRef } from './linear.ref.ts';
import { linear } from './linear.ts';
import type { LinearShape } from './linear.types.ts';

// Remainders of every tile, every meta, groups of 8 to beyond K, short last groups, K past a word's end. Shapes are
// chosen to share pipelines, since lavapipe takes a second or more to compile one.
const MANY_ROWS: Case[] = [
  { M: 65, N: 68, K: 64, w: 'offset16 32', bias: true },
  { M: 130, N: 132, K: 584, w: 'offset16 128', before: 4, after: 8, scale: 0.5 },
  { M: 96, N: 36, K: 160, w: 'offset16 160', rows: 70, perm: true },
  { M: 17, N: 33, K: 584, w: 'zero16 128', before: 5, after: 2 },
  { M: 32, N: 65, K: 72, w: 'zero16 8', bias: true },
  { M: 2, N: 41, K: 40, w: 'zero16 16', scale: 16 },
  { M: 12, N: 64, K: 61, w: 'offset32 8', add: true, scale: 16 },
  { M: 16, N: 35, K: 30, w: 'offset32 64', add: true, bias: true, before: 1 },
  { M: 33, N: 24, K: 96, w: 'zero16 96', x: 'f32' },
  { M: 66, N: 68, K: 100, w: 'f16', bias: true },
  { M: 17, N: 39, K: 33, w: 'f16', before: 1 },
  { M: 9, N: 1, K: 1, w: 'f32', y: 'f32' },
  { M: 300, N: 20, K: 19, w: 'f32', rows: 257, y: 'f32' },
];

const FEW_ROWS: Case[] = [
  { M: 1, N: 17, K: 64, w: 'offset16 32' },
  { M: 1, N: 130, K: 4608, w: 'offset16 128', bias: true, before: 3, after: 1 },
  { M: 2, N: 33, K: 576, w: 'offset32 64', add: true, scale: 16 },
  { M: 3, N: 5, K: 96, w: 'zero16 96' },
  { M: 20, N: 65, K: 128, w: 'offset16 32', rows: 13, bias: true, x: 'f32' },
  { M: 1, N: 7, K: 4, w: 'f32' },
  { M: 5, N: 33, K: 576, w: 'f16', add: true },
];

/** The form that many rows run in, by what the GPU is and not by what `plan` says; tensor cores decide by the shape. */
function manyRowsForm(g: Gpu, shape: LinearShape): string {
  if (g.caps.matrix) return plan(g.caps, shape).form;
  return g.caps.subgroups?.max === 8 && g.caps.subgroups.min === 8 ? 'lanes' : 'tile';
}

describeGpus('linear', (gpu) => {
  test.each(named(MANY_ROWS))('%s', async (_, c) => {
    const kind = c.w.startsWith('f') ? 'dense' : 'q4';
    const labels = await run(gpu(), c);
    const form = manyRowsForm(gpu(), shapeOfCase(gpu(), c));
    expect(labels).toEqual([...(c.perm ? ['permute_columns'] : []), `linear ${kind} ${form}`]);
  });

  test.each(named(FEW_ROWS))('%s', async (_, c) => {
    const g = gpu();
    const kind = c.w.startsWith('f') ? 'dense' : 'q4';
    // lavapipe prefers its lanes; with subgroups of other sizes it would stream, as every GPU does.
    const caps = { ...g.caps, subgroups: g.caps.subgroups && { min: 4, max: 128 } };
    const vector = plan(caps, shapeOfCase(g, c));
    expect(vector.form).toBe('vector');
    expect(await run(g, c, vector)).toEqual([`linear ${kind} vector`]);
  });

  // Where the shapes above run in another form on this GPU, the tile form still has to be right.
  test('tiles, staged in the activation type', async () => {
    const g = gpu();
    const p: TilePlan = { form: 'tile', TM: 64, TN: 64, BK: 16, BM: 2, BN: 2, WG: 64, stage: g.activation };
    expect(await run(g, { M: 130, N: 132, K: 88, w: 'offset16 32', bias: true }, p)).toEqual(['linear q4 tile']);
    const small: TilePlan = { ...p, TM: 16, TN: 32, BM: 1, BN: 1, WG: 32 };
    expect(await run(g, { M: 33, N: 68, K: 52, w: 'f16' }, small)).toEqual(['linear dense tile']);
  });

  test('vector without subgroups', async () => {
    const forced = { form: 'vector', MR: 2, NR: 4, WG: 64, subgroups: 0 } as const;
    expect(await run(gpu(), { M: 2, N: 11, K: 96, w: 'offset16 32' }, forced)).toEqual(['linear q4 vector']);
  });

  test('no rows: nothing is written', async () => {
    await run(gpu(), { M: 1, N: 8, K: 32, w: 'offset16 32', rows: 0 });
    await run(gpu(), { M: 65, N: 68, K: 32, w: 'offset16 32', rows: 0 });
  });

  test('tensors that do not fit each other are refused', async () => {
    const g = gpu();
    const { weight } = weights(g, 'f32', 4, 8);
    const [x, y, rows] = [g.tensor('x', 'f32', [2, 8]), g.tensor('y', 'f32', [2, 4]), g.dim('rows', 2)];
    const call = (a: object) => runOnce(g, (r) => linear(r, { x, weight, y, rows, ...a }));
    await expect(call({ x: g.tensor('x', 'f32', [2, 7]) })).rejects.toThrow('x has 7 columns and W takes 8');
    await expect(call({ y: g.tensor('y', 'f32', [1, 4]) })).rejects.toThrow('y has 1 rows');
    await expect(call({ column: 1 })).rejects.toThrow("do not fit y's 4");
    if (g.caps.f16) await expect(call({ y: g.tensor('y', 'f16', [2, 4]), add: true })).rejects.toThrow('f32');
  });
});

describe('plan', () => {
  const shape = (s: Partial<LinearShape>): LinearShape => ({
    M: 512,
    N: 1536,
    K: 576,
    kind: 'q4',
    w: 'u32',
    group: 32,
    meta: 'offset16',
    x: 'f16',
    y: 'f16',
    ldy: 1536,
    column: 0,
    ...s,
  });
  const gpuCaps: Caps = { ...PORTABLE_CAPS, tier: 'subgroup', f16: true, subgroups: { min: 32, max: 32 } };
  const cpuCaps: Caps = { ...gpuCaps, subgroups: { min: 8, max: 8 } };

  test('the form follows rows, alignment and subgroups', () => {
    expect(plan(PORTABLE_CAPS, shape({ x: 'f32', y: 'f32' })).form).toBe('tile');
    expect(plan(gpuCaps, shape({})).form).toBe('tile');
    expect(plan(cpuCaps, shape({})).form).toBe('lanes');
    expect(plan({ ...gpuCaps, subgroups: { min: 8, max: 32 } }, shape({})).form).toBe('tile');
    expect(plan(cpuCaps, shape({ M: 1 })).form).toBe('lanes');
    for (const caps of [PORTABLE_CAPS, gpuCaps]) {
      expect(plan(caps, shape({ M: 1 })).form).toBe('vector');
      expect(plan(caps, shape({ M: 31 })).form).toBe('vector');
      expect(plan(caps, shape({ M: 32 })).form).toBe('tile');
      expect(plan(caps, shape({ M: 1, K: 584 })).form).toBe('tile');
      expect(plan(caps, shape({ M: 1, group: 16 })).form).toBe('tile');
      expect(plan(caps, shape({ M: 1, kind: 'dense', w: 'f16', K: 580 })).form).toBe('vector');
      expect(plan(caps, shape({ M: 1, kind: 'dense', w: 'f16', K: 582 })).form).toBe('tile');
    }
  });

  test('operands are staged in f16 only where neither has more', () => {
    expect(plan(gpuCaps, shape({}))).toMatchObject({ stage: 'f16' });
    expect(plan(gpuCaps, shape({ x: 'f32' }))).toMatchObject({ stage: 'f32' });
    expect(plan(gpuCaps, shape({ kind: 'dense', w: 'f32' }))).toMatchObject({ stage: 'f32' });
  });

  test('every plan stays within 256 threads and 16 KiB', () => {
    for (const caps of [PORTABLE_CAPS, gpuCaps, cpuCaps, { ...gpuCaps, subgroups: { min: 4, max: 128 } }])
      for (const M of [1, 2, 3, 5, 8, 9, 16, 17, 33, 64, 4096])
        for (const N of [1, 32, 33, 64, 151936])
          for (const x of ['f16', 'f32'] as const) {
            const p = plan(caps, shape({ M, N, x }));
            if (!('WG' in p)) throw new Error(`${p.form}: not of these caps, or left to a tuning`);
            expect(p.WG).toBeLessThanOrEqual(256);
            if (p.form === 'tile') {
              const bytes = p.BK * ((p.TM + p.TN) / 4 + 2) * (p.stage === 'f16' ? 8 : 16);
              expect(bytes).toBeLessThanOrEqual(16384);
              expect(p.WG * 16 * p.BM * p.BN).toBe(p.TM * p.TN);
            }
            if (p.form === 'vector') {
              expect(4 * p.MR * p.NR * (p.subgroups || p.WG)).toBeLessThanOrEqual(16384);
              expect(p.WG % (p.MR * p.NR)).toBe(0);
            }
          }
  });
});

describe('the reference', () => {
  test('int4 weights by hand', () => {
    // Nibbles 1 and 15 in the first word, 2 in the second; groups of 8, the last one short.
    const words = [0xf1, 0x2];
    const half = toHalf(0.5) + toHalf(-3) * 65536;
    const three = toHalf(0.5) + toHalf(3) * 65536;
    const at = (W: Float64Array) => [W[0], W[1], W[2], W[8]];
    expect(at(dequantizeRef(words, [half, half], 1, 9, 8, 'offset16'))).toEqual([-2.5, 4.5, -3, -2]);
    expect(at(dequantizeRef(words, [three, three], 1, 9, 8, 'zero16'))).toEqual([-1, 6, -1.5, -0.5]);
    const wide = [...new Uint32Array(Float32Array.of(0.1, -3).buffer)];
    const tenth = Math.fround(0.1);
    expect(at(dequantizeRef(words, [...wide, ...wide], 1, 9, 8, 'offset32'))).toEqual([
      tenth - 3,
      15 * tenth - 3,
      -3,
      2 * tenth - 3,
    ]);
  });

  test('its gradient agrees with central differences', () => {
    const [M, N, K, h, scale] = [2, 3, 5, 1e-4, 0.5];
    const [x, W, b, dy] = [normal(1, M * K), normal(2, N * K), normal(3, N), normal(4, M * N)];
    const { dx, dW, dbias } = linearBackwardRef(x, W, dy, M, N, K, scale);
    const loss = (x: Float64Array, W: Float64Array, bias: Float64Array) =>
      linearRef(x, W, M, N, K, { bias, scale }).reduce((s, y, i) => s + y * dy[i], 0);
    const bump = (a: Float64Array, i: number, by: number) => a.map((v, j) => (j === i ? v + by : v));
    const slopes = (a: Float64Array, f: (a: Float64Array) => number) =>
      a.map((_, i) => (f(bump(a, i, h)) - f(bump(a, i, -h))) / (2 * h));
    expectClose(
      dx,
      slopes(x, (x) => loss(x, W, b)),
      1e-9,
      1e-10,
    );
    expectClose(
      dW,
      slopes(W, (W) => loss(x, W, b)),
      1e-9,
      1e-10,
    );
    expectClose(
      dbias,
      slopes(b, (b) => loss(x, W, b)),
      1e-9,
      1e-10,
    );
  });
});
