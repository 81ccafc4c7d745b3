import { expect, test } from 'vitest';
import type { DType } from '../../src/gpu/tensor.ts';
import { fromHalf, toHalf } from '../../src/half.ts';
import { describeGpus } from '../../test/gpus.ts';
import { fromGpu, normal, poisoned, runOnce, toGpu } from '../../test/numeric.ts';
import { copyRef } from './copy.ref.ts';
import { copy } from './copy.ts';

// [rows, columns, first of x, first of y]
const SHAPES = [
  [1, 1, 0, 0],
  [3, 7, 2, 5],
  [131, 96, 0, 1],
  [5, 1031, 4, 0],
];

describeGpus('copy', (gpu) => {
  const types = (): DType[] => (gpu().caps.f16 ? ['f32', 'f16'] : ['f32']);

  test.each(SHAPES)('%d rows of %d columns, from %d to %d', async (M, C, from, to) => {
    const g = gpu();
    for (const xType of types())
      for (const yType of types()) {
        const values = normal(1, (from + M) * C, xType);
        const x = toGpu(g, 'x', xType, [from + M, C], values);
        const y = poisoned(g, 'y', yType, [to + M + 1, C]);
        const ran = await runOnce(g, (r) => copy(r, { x, y, rows: g.dim('rows', M, from, to) }));
        expect(ran.map((d) => d.label)).toEqual(['copy']);
        const untouched = new Float64Array((to + M + 1) * C).fill(Number.NaN);
        const rounded = yType === 'f16' ? values.map((v) => fromHalf(toHalf(v))) : values;
        // Every bit as it was, or rounded once: WGSL lets a conversion to f16 round either way.
        const result = await fromGpu(g, y);
        const wanted = copyRef(rounded, untouched, C, M, from, to);
        if (yType === xType || yType === 'f32') expect(result).toEqual(wanted);
        else
          result.forEach((v, i) => {
            if (Number.isNaN(wanted[i])) expect(v).toBeNaN();
            else expect(Math.abs(v - wanted[i])).toBeLessThanOrEqual(2 ** -10 * Math.abs(wanted[i]) + 2 ** -24);
          });
        g.free(x, y);
      }
  });

  test('views: a part of a buffer is read and written as a tensor of its own', async () => {
    const g = gpu();
    const values = normal(2, 512);
    const flat = toGpu(g, 'flat', 'f32', [512], values);
    const out = poisoned(g, 'out', 'f32', [512]);
    const x = g.view(flat, 'x', 64, [3, 5]);
    const y = g.view(out, 'y', 128, [3, 5]);
    await runOnce(g, (r) => copy(r, { x, y, rows: g.dim('rows', 3) }));
    expect(await fromGpu(g, y)).toEqual(values.slice(64, 79));
    expect((await fromGpu(g, out)).findIndex((v) => !Number.isNaN(v))).toBe(128);
    g.write(y, Float32Array.of(7));
    g.clear(x);
    expect((await fromGpu(g, out))[128]).toBe(7);
    expect([...(await fromGpu(g, flat, 100))].map(Boolean)).toEqual(
      [...values.slice(0, 100)].map((v, i) => Boolean(v) && !(i >= 64 && i < 80)),
    );
    expect(() => g.view(flat, 'odd', 3, [2])).toThrow('no view');
    expect(() => g.view(flat, 'long', 448, [65])).toThrow('no view');
    const before = g.allocated;
    g.free(x, y);
    expect(g.allocated).toBe(before);
    g.free(flat, out);
  });
});
