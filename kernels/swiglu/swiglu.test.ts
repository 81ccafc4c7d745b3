import { expect, test } from 'vitest';
import { PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import { describeGpus } from '../../test/gpus.ts';
import { EPS, expectClose, fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { swigluBackwardRef, swigluRef } from './swiglu.ref.ts';
import { plan, swiglu } from './swiglu.ts';

// [rows, columns, deviation of gate and up]: every vector width, a prime, SmolLM2's 1536, gates beyond exp's range.
const SHAPES = [
  [1, 1, 1],
  [5, 7, 30],
  [3, 1031, 3],
  [131, 34, 50],
  [2, 1536, 1],
];

/**
 * WGSL bounds exp's error by 3 + 2 |x| units in the last place (2^-23); the sum, the quotient (2.5 units), three
 * products and the store's rounding come on top. Where exp underflows the result is below |gate * up| 2^-126.
 */
const bound = (gateUp: Float64Array, y: Float64Array, F: number, store: number) =>
  y.map((v, i) => Math.abs(v) * ((2 * Math.abs(gateUp[Math.floor(i / F) * F + i]) + 8) * 2 ** -23 + store));

describeGpus('swiglu', (gpu) => {
  test.each(SHAPES)('[%d, %d], deviation %d', async (T, F, deviation) => {
    const g = gpu();
    const x = normal(1, T * 2 * F, g.activation, deviation);
    const y = poisoned(g, 'y', g.activation, [T, F]);
    const gateUp = toGpu(g, 'gateUp', g.activation, [T, 2 * F], x);
    await runOnce(g, (r) => swiglu(r, { gateUp, y, rows: g.dim('rows', T) }));
    const expected = swigluRef(x, T, F);
    const atol = bound(x, expected, F, EPS[g.activation]).map((b) => b + (g.caps.f16 ? 2 ** -25 : 1e-33));
    expectClose(await fromGpu(g, y), expected, 0, atol);
    g.free(y, gateUp);
  });

  test('gates as large as f16 holds give their limits, and scale keeps their products in range', async () => {
    const g = gpu();
    const gates = [65504, -65504, 20000, -20000, 104, -104, 88.5, -88.5, 0, -0, 300, 6e-8];
    const ups = [1, 1, -2, 3, 1, 1, 1, 1, 5, 5, 3000, 1];
    const F = gates.length;
    const scale = 2 ** -4;
    const x = Float64Array.from([...gates, ...ups]);
    const gateUp = toGpu(g, 'gateUp', g.activation, [1, 2 * F], x);
    const y = poisoned(g, 'y', g.activation, [1, F]);
    await runOnce(g, (r) => swiglu(r, { gateUp, y, rows: g.dim('rows', 1), scale }));
    const expected = swigluRef(x, 1, F, scale);
    const atol = bound(x, expected, F, EPS[g.activation]).map((b) => b + (g.caps.f16 ? 2 ** -24 : 1e-33));
    expectClose(await fromGpu(g, y), expected, 0, atol);
    g.free(y, gateUp);
  });

  test('rows beyond the count stay untouched', async () => {
    const g = gpu();
    const gateUp = toGpu(g, 'gateUp', g.activation, [4, 16], normal(1, 64, g.activation));
    const y = poisoned(g, 'y', g.activation, [4, 8]);
    await runOnce(g, (r) => swiglu(r, { gateUp, y, rows: g.dim('rows', 2) }));
    const values = await fromGpu(g, y);
    expect(values.slice(0, 16).every(Number.isFinite)).toBe(true);
    expect(values.slice(16).every(Number.isNaN)).toBe(true);
    g.free(y, gateUp);
  });
});

test('the plan takes the widest vector that divides the columns', () => {
  expect([4864, 34, 7].map((F) => plan(PORTABLE_CAPS, F).width)).toEqual([4, 2, 1]);
});

test('the reference gradient agrees with central differences', () => {
  const [T, F, h, scale] = [2, 3, 1e-5, 0.5];
  const x = normal(3, T * 2 * F);
  const dy = normal(4, T * F);
  const loss = (x: Float64Array) => swigluRef(x, T, F, scale).reduce((s, y, i) => s + y * dy[i], 0);
  const bump = (i: number, by: number) => x.map((v, j) => (j === i ? v + by : v));
  const slopes = Float64Array.from(x, (_, i) => (loss(bump(i, h)) - loss(bump(i, -h))) / (2 * h));
  expectClose(swigluBackwardRef(x, dy, T, F, scale), slopes, 1e-6, 1e-8);
});
