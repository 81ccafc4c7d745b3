import { expect, test } from 'vitest';
import { type Caps, PORTABLE_CAPS } from '../../src/gpu/adapter.ts';
import { describeGpus } from '../../test/gpus.ts';
import { check, type Form, line, MATRIX_ARITHMETIC, random } from './attention.check.ts';
import { MATRIX, matrixCode, matrixFits } from './attention.matrix.ts';
import { plan } from './attention.ts';

// [heads, kvHeads, headDim, lengths]: every width, tile ends, rounds of keys that end early, one query.
const CASES: [number, number, number, number[]][] = [
  [2, 1, 32, [1, 64, 65]],
  [3, 1, 64, [33, 2, 70]],
  [1, 1, 96, [40]],
  [2, 2, 128, [35]],
];

/**
 * The kernel's text with its matrices made of ordinary numbers, so that a GPU without them computes what it says: a
 * thread of 32 has 8 of a matrix's 256, and each operation goes through workgroup memory between two barriers.
 */
function emulate(code: string): string {
  const edits: [RegExp, string][] = [
    [/enable (subgroups|chromium_experimental_subgroup_matrix);/g, ''],
    [/diagnostic\(.*\);/g, ''],
    [/subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>\(&memory, /g, 'load32('],
    [/subgroupMatrixLoad<\w+<f16, 16, 16>, row_major>\(&memory, /g, 'load16(false, '],
    [/subgroupMatrixLoad<\w+<f16, 16, 16>, col_major>\(&memory, /g, 'load16(true, '],
    [/subgroupMatrixStore<row_major>\(&memory, /g, 'store32('],
    [/subgroupMatrixMultiplyAccumulate\(/g, 'multiply('],
    [/subgroupShuffleXor\((\w+), 16u\)/g, 'other($1)'],
    [/subgroup_matrix_\w+<f\d\d, 16, 16>/g, 'Matrix'],
    // Loops of unknown length: drivers would unroll them all, and compile for minutes.
    [/(for \(var (\w+) = \w+; \2 < [A-Z][A-Z_]*);/g, '$1 + dim.w;'],
    [/(fn main\(.*\{)/g, '$1\n  me = t;'],
  ];
  const text = edits.reduce((s, [from, to]) => {
    if (!from.test(s)) throw new Error(`nothing in the kernel is ${from}`);
    return s.replace(from, to);
  }, code);
  return `${text}
alias Matrix = array<f32, 8>;
var<private> me: u32;
var<workgroup> left: array<f32, 1024>;
var<workgroup> right: array<f32, 1024>;
fn load16(columns: bool, at: u32, stride: u32) -> Matrix {
  var m: Matrix;
  for (var i = 0u; i < 8u + dim.w; i++) {
    let e = me % 32u * 8u + i;
    let half = at * 8u + select(e / 16u, e % 16u, columns) * stride * 8u + select(e % 16u, e / 16u, columns);
    m[i] = unpack2x16float(memory[half / 8u][half % 8u / 2u])[half % 2u];
  }
  return m;
}
fn load32(at: u32, stride: u32) -> Matrix {
  let e = me % 32u * 8u;
  let start = at + e / 16u * stride + e % 16u / 4u;
  let a = bitcast<vec4<f32>>(memory[start]);
  let b = bitcast<vec4<f32>>(memory[start + 1u]);
  return Matrix(a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w);
}
fn store32(at: u32, m: Matrix, stride: u32) {
  let e = me % 32u * 8u;
  let to = at + e / 16u * stride + e % 16u / 4u;
  memory[to] = bitcast<vec4<u32>>(vec4(m[0], m[1], m[2], m[3]));
  memory[to + 1u] = bitcast<vec4<u32>>(vec4(m[4], m[5], m[6], m[7]));
}
fn multiply(a: Matrix, b: Matrix, c: Matrix) -> Matrix {
  var x = a;
  var y = b;
  var sums = c;
  for (var i = 0u; i < 8u + dim.w; i++) {
    left[me * 8u + i] = x[i];
    right[me * 8u + i] = y[i];
  }
  workgroupBarrier();
  let group = me / 32u * 256u;
  let e = me % 32u * 8u;
  for (var k = 0u; k < 16u + dim.w; k++) {
    for (var i = 0u; i < 8u + dim.w; i++) { sums[i] += left[group + e / 16u * 16u + k] * right[group + k * 16u + e % 16u + i]; }
  }
  workgroupBarrier();
  return sums;
}
fn other(x: f32) -> f32 {
  left[me] = x;
  workgroupBarrier();
  let y = left[me ^ 16u];
  workgroupBarrier();
  return y;
}
`;
}

const emulated: Form = {
  rows: MATRIX.ROWS,
  arithmetic: MATRIX_ARITHMETIC,
  record(r, a) {
    r.dispatch({
      label: 'attention matrix, emulated',
      code: emulate(matrixCode(a, true)),
      bindings: [a.qkv, a.sequences.tiles, a.y, a.sequences.tileCount],
      grid: () => [a.heads, a.sequences.tileCount.count],
    });
  },
};

describeGpus('attention on subgroup matrices', (gpu, tier) => {
  // Where there are none they are emulated; that needs f16, and more workgroup memory than the portable tier has.
  const form = tier === 'matrix' ? undefined : emulated;
  // A software driver takes seconds to compile each of these: two widths there.
  const skip = (headDim: number) => tier === 'portable' || (tier === 'subgroup' && headDim % 64 > 0);
  for (const [heads, kvHeads, headDim, lengths] of CASES)
    test.skipIf(skip(headDim))(`${heads} heads, ${kvHeads} kv, D ${headDim}, lengths ${lengths}`, async () => {
      const shape = { heads, kvHeads, headDim };
      await check(gpu(), shape, [random(gpu(), 1, shape, lengths)], form);
    });

  test.skipIf(tier === 'portable')('scores of hundreds, rising, falling, all very negative, wild', async () => {
    const g = gpu();
    const shape = { heads: 3, kvHeads: 1, headDim: 64 };
    const lines = [
      [4, 20],
      [0.125, 0],
      [-4, 300],
      [0.5, -400],
      [0, -3000],
    ].map(([slope, offset]) => line(g, shape, 70, slope, offset));
    await check(g, shape, [random(g, 20, shape, [70, 3], 9), ...lines], form);
  });
});

const H200: Caps = {
  ...PORTABLE_CAPS,
  tier: 'matrix',
  f16: true,
  matrix: true,
  subgroups: { min: 32, max: 32 },
  maxWorkgroupStorage: 49152,
  maxInvocations: 1024,
};

test('the plan takes subgroup matrices where heads are whole pairs of them', () => {
  const forms = [16, 32, 64, 80, 96, 128, 160].map((headDim) => plan(H200, { heads: 4, kvHeads: 2, headDim }).form);
  expect(forms).toEqual(['plain', 'matrix', 'matrix', 'plain', 'matrix', 'matrix', 'plain']);
  expect(plan(H200, { heads: 4, kvHeads: 2, headDim: 64 })).toEqual({ form: 'matrix', rows: 64, keys: 32 });
});

test.each<[string, Partial<Caps>]>([
  ['no subgroup matrices', { matrix: false }],
  ['subgroups of varying size', { subgroups: { min: 16, max: 32 } }],
  ['16 KiB of workgroup memory', { maxWorkgroupStorage: 16384 }],
])('none with %s', (_, caps) => {
  expect(matrixFits({ ...H200, ...caps }, { heads: 4, kvHeads: 2, headDim: 64 })).toBe(false);
});

test.skipIf('Deno' in globalThis)('every width compiles, written out and not', async () => {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const instance = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  const adapter = await instance.requestAdapter();
  const features = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'];
  const device = await adapter!.requestDevice({ requiredFeatures: features as GPUFeatureName[] });
  for (const headDim of [32, 64, 96, 128])
    for (const loops of [true, false]) {
      const text = matrixCode({ heads: 14, kvHeads: 2, headDim }, loops);
      // This backend has only the 16 KiB that every GPU has.
      const code = text.replace(/var<workgroup> memory: .*;/, 'var<workgroup> memory: array<vec4<u32>, 1000>;');
      expect(code === text).toBe(false);
      const module = device.createShaderModule({ code });
      await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
    }
  device.destroy();
  // A collected instance takes the process down.
  (globalThis as { nullInstance?: GPU }).nullInstance = instance;
});
