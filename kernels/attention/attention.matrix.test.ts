import { expect, test } from 'vitest';
import type { Caps } from '../../src/gpu/adapter.ts';
import type { Recorder } from '../../src/gpu/recorder.ts';
import { compileAll, describeMatrixGpu, H200 } from '../../test/matrix_gpus.ts';
import { check, line, MATRIX_ARITHMETIC, random } from './attention.check.ts';
import { attentionMatrix, type MatrixForm, matrixCode, matrixFits, measuredForm } from './attention.matrix.ts';
import { attentionTiled, type TiledForm } from './attention.tiled.ts';
import { type Attention, plan } from './attention.ts';

// [heads, kvHeads, headDim, lengths]: every width, tile ends, rounds of keys that end early, one query.
const CASES: [number, number, number, number[]][] = [
  [2, 1, 32, [1, 64, 65]],
  [3, 1, 64, [33, 2, 70]],
  [1, 1, 96, [40]],
  [2, 2, 128, [35]],
];

describeMatrixGpu('attention on subgroup matrices', (gpu, emulated) => {
  // A software driver takes seconds to compile each of these: two widths there.
  for (const [heads, kvHeads, headDim, lengths] of CASES)
    test.skipIf(emulated && headDim % 64 > 0)(
      `${heads} heads, ${kvHeads} kv, D ${headDim}, lengths ${lengths}`,
      async () => {
        const shape = { heads, kvHeads, headDim };
        await check(gpu(), shape, [random(gpu(), 1, shape, lengths)]);
      },
    );

  // Two heads of a group of three: the second workgroup's second head is nobody's. It takes more workgroup memory than lavapipe has.
  const forms: [string, MatrixForm, number][] = [
    [
      'rows of scores padded twice, K read late',
      { rows: 64, heads: 1, shared: true, ahead: 1, late: true, pad: 2 },
      64,
    ],
    ['two rounds ahead', { rows: 64, heads: 1, shared: false, ahead: 2, late: true, pad: 1 }, 64],
    ['two heads of 32 queries', { rows: 32, heads: 2, shared: false, ahead: 1, late: true, pad: 1 }, 64],
    ['32 queries', { rows: 32, heads: 1, shared: true, ahead: 1, late: false, pad: 1 }, 64],
    ['two heads', { rows: 64, heads: 2, shared: false, ahead: 1, late: false, pad: 1 }, 128],
    [
      'two heads, two rounds ahead, padded twice',
      { rows: 64, heads: 2, shared: false, ahead: 2, late: true, pad: 2 },
      128,
    ],
  ];
  for (const [name, form, headDim] of forms)
    test.skipIf(emulated && headDim > 64)(name, async () => {
      const shape = { heads: 3, kvHeads: 1, headDim };
      const record = (r: Recorder, a: Attention) => attentionMatrix(r, a, form);
      const g = gpu();
      await check(g, shape, [random(g, 20, shape, [70, 3, 97], 9)], {
        rows: form.rows,
        arithmetic: MATRIX_ARITHMETIC,
        record,
      });
    });

  const tiledForms: [string, TiledForm, number][] = [
    ['tiles', { rows: 64, heads: 1, kAhead: 2, vAhead: 2 }, 64],
    ['tiles, 32 queries', { rows: 32, heads: 1, kAhead: 4, vAhead: 4 }, 64],
    ['tiles, two heads', { rows: 32, heads: 2, kAhead: 1, vAhead: 1 }, 32],
    ['tiles, wide', { rows: 64, heads: 1, kAhead: 4, vAhead: 4 }, 128],
  ];
  for (const [name, form, headDim] of tiledForms)
    test.skipIf(emulated && headDim > 64)(name, async () => {
      const shape = { heads: 3, kvHeads: 1, headDim };
      const record = (r: Recorder, a: Attention) => attentionTiled(r, a, form);
      const g = gpu();
      // Their scores are exact where the root of the width is a power of two.
      const lines = [
        [4, 20],
        [-4, 300],
        [0, -3000],
      ].map(([slope, offset]) => line(g, shape, 70, slope, offset));
      await check(
        g,
        shape,
        [
          random(g, 20, shape, [70, 3, 97], 9),
          random(g, 22, shape, [1, 15, 16, 17, 33]),
          ...(headDim === 64 ? lines : []),
        ],
        {
          rows: form.rows,
          arithmetic: MATRIX_ARITHMETIC,
          record,
        },
      );
    });

  test('scores of hundreds, rising, falling, all very negative, wild', async () => {
    const g = gpu();
    const shape = { heads: 3, kvHeads: 1, headDim: 64 };
    const lines = [
      [4, 20],
      [0.125, 0],
      [-4, 300],
      [0.5, -400],
      [0, -3000],
    ].map(([slope, offset]) => line(g, shape, 70, slope, offset));
    await check(g, shape, [random(g, 20, shape, [70, 3], 9), ...lines]);
  });
});

test('the plan takes subgroup matrices where heads are whole pairs of them', () => {
  const forms = [16, 32, 64, 80, 96, 128, 160].map((headDim) => plan(H200, { heads: 4, kvHeads: 2, headDim }).form);
  expect(forms).toEqual(['plain', 'matrix', 'matrix', 'plain', 'matrix', 'matrix', 'plain']);
  expect(plan(H200, { heads: 4, kvHeads: 2, headDim: 64 })).toEqual({ form: 'matrix', rows: 64 });
});

test.each<[string, Partial<Caps>]>([
  ['no subgroup matrices', { matrix: false }],
  ['subgroups of varying size', { subgroups: { min: 16, max: 32 } }],
  ['16 KiB of workgroup memory', { maxWorkgroupStorage: 16384 }],
])('none with %s', (_, caps) => {
  expect(matrixFits({ ...H200, ...caps }, { heads: 4, kvHeads: 2, headDim: 64 })).toBe(false);
});

test('heads up to 64 channels have a place for K and one for V, wider ones share it', () => {
  const shared = [32, 64, 96, 128].map((headDim) => measuredForm(headDim).shared);
  expect(shared).toEqual([false, false, true, true]);
});

test.skipIf('Deno' in globalThis)('every width compiles, written out and not', async () => {
  const shapes = [32, 64, 96, 128].map((headDim) => ({ heads: 14, kvHeads: 2, headDim }));
  await compileAll(shapes.flatMap((s) => [true, false].map((loops) => matrixCode(s, measuredForm(s.headDim), loops))));
});
