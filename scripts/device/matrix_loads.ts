/**
 * What loading a subgroup matrix costs a processor, by its shape and from where, and what multiplying matrices of a shape does:
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/matrix_loads.mjs
 * Each of eight subgroups a workgroup, two of which a processor holds, loads eight matrices and multiplies each once, over and
 * over, from memory that the L1 cache holds, and from sixteen places by turns: of two, a compiler keeps all in registers. Clocks are of a processor, of 132 at --clock GHz (1.92), for all it did.
 */
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { specialise } from '../../src/gpu/wgsl.ts';
import { toHalf } from '../../src/half.ts';
import { argument, compare } from './experiment.ts';

interface Form {
  name: string;
  M: number;
  N: number;
  K: number;
  /** What is loaded anew, and from where; nothing: multiplying alone. */
  load?: 'left' | 'right';
  from?: 'memory' | 'workgroup';
  /** f16 elements from a row, or a column of right ones, to the next. */
  stride?: number;
  major?: 'row_major' | 'col_major';
}

const FORMS: Form[] = [
  ...[
    [16, 16, 16],
    [16, 8, 16],
    [16, 8, 8],
  ].map(([M, N, K]): Form => ({ name: `${M}x${N}x${K} alone`, M, N, K })),
  { name: 'left 16x16, tiles', M: 16, N: 16, K: 16, load: 'left', from: 'memory', stride: 16 },
  {
    name: 'left 16x16, col_major tiles',
    M: 16,
    N: 16,
    K: 16,
    load: 'left',
    from: 'memory',
    stride: 16,
    major: 'col_major',
  },
  { name: 'left 16x16, 8 of n', M: 16, N: 8, K: 16, load: 'left', from: 'memory', stride: 16 },
  { name: 'left 16x8, tiles', M: 16, N: 8, K: 8, load: 'left', from: 'memory', stride: 8 },
  { name: 'left 16x8, rows of 16', M: 16, N: 8, K: 8, load: 'left', from: 'memory', stride: 16 },
  { name: 'right 16x16, tiles', M: 16, N: 16, K: 16, load: 'right', from: 'memory', stride: 16 },
  { name: 'right 8x8, tiles', M: 16, N: 8, K: 8, load: 'right', from: 'memory', stride: 8 },
  { name: 'left 16x16, padded', M: 16, N: 16, K: 16, load: 'left', from: 'workgroup', stride: 24 },
  { name: 'right 16x16, padded', M: 16, N: 16, K: 16, load: 'right', from: 'workgroup', stride: 24 },
  { name: 'right 16x16, tiles', M: 16, N: 16, K: 16, load: 'right', from: 'workgroup', stride: 16 },
  { name: 'right 16x8, padded', M: 16, N: 8, K: 16, load: 'right', from: 'workgroup', stride: 24 },
  { name: 'right 8x8, tiles', M: 16, N: 8, K: 8, load: 'right', from: 'workgroup', stride: 8 },
  { name: 'right 8x8, padded', M: 16, N: 8, K: 8, load: 'right', from: 'workgroup', stride: 24 },
  { name: 'left 16x8, tiles', M: 16, N: 8, K: 8, load: 'left', from: 'workgroup', stride: 8 },
];

const gpu = await Gpu.open();
if (!gpu.caps.matrix) {
  console.log('no subgroup matrices');
  process.exit(0);
}
const GROUPS = 132 * 2;
const ROUNDS = 2000;
const EACH = 8;
/** Of which two workgroups share a processor. */
const WORDS = 1536;

function code({ M, N, K, load, from, stride = 16, major }: Form): string {
  const left = `subgroup_matrix_left<f16, ${K}, ${M}>`;
  const right = `subgroup_matrix_right<f16, ${N}, ${K}>`;
  const sum = `subgroup_matrix_result<f32, ${N}, ${M}>`;
  const leftMajor = load === 'left' && major ? major : 'row_major';
  const numbers = Array.from({ length: EACH }, (_, i) => i);
  // Vectors of eight halves from a matrix to the next.
  const size = Math.ceil((stride * (load === 'right' ? N : M)) / 8);
  const at = (i: number) => `turn + ${i * size}u`;
  const array = from === 'memory' ? 'x' : 's';
  const fresh = numbers
    .map((i) =>
      load === 'left'
        ? `a[${i}] = subgroupMatrixLoad<${left}, ${leftMajor}>(&${array}, ${at(i)}, ${stride / 8}u);`
        : `b[${i}] = subgroupMatrixLoad<${right}, col_major>(&${array}, ${at(i)}, ${stride / 8}u);`,
    )
    .join('\n');
  return specialise(
    `@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
var<workgroup> s: array<vec4<u32>, ${WORDS}>;
@compute @workgroup_size(256) fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) t: u32) {
for (var i = t; i < ${WORDS}u; i += 256u) { s[i] = x[i]; }
workgroupBarrier();
var a: array<${left}, ${EACH}>;
var b: array<${right}, ${EACH}>;
var c: array<${sum}, ${EACH}>;
${numbers.map((i) => `a[${i}] = subgroupMatrixLoad<${left}, row_major>(&s, ${32 * i}u, 2u); b[${i}] = subgroupMatrixLoad<${right}, col_major>(&s, ${32 * i}u, 2u);`).join('\n')}
for (var k = 0u; k < ${ROUNDS}u; k++) {
${load ? `let turn = (5u * k + t / 32u) % 16u * 4u;\n${fresh}` : ''}
${numbers.map((i) => `c[${i}] = subgroupMatrixMultiplyAccumulate(a[${i}], b[${i}], c[${i}]);`).join('\n')}
}
${numbers.map((i) => `subgroupMatrixStore<row_major>(&y, ((w.x * 8u + t / 32u) * ${EACH}u + ${i}u) * 64u, c[${i}], ${N / 4}u);`).join('\n')}
}`,
    { enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'] },
  );
}

const x = gpu.upload(
  'x',
  'f16',
  [8 * WORDS],
  Uint16Array.from({ length: 8 * WORDS }, (_, i) => toHalf(Math.sin(7919 * i) / 8)),
);
const y = gpu.tensor('y', 'f32', [GROUPS * 8 * EACH * 256]);
const recordings = [];
for (const form of FORMS) {
  const r = new Recorder(gpu);
  r.dispatch({ label: form.name, code: code(form), bindings: [x, y], grid: [GROUPS] });
  recordings.push(await r.finish());
}
const clock = Number(argument('--clock') ?? 1.92);
const times = await compare(recordings);
for (const [i, { name, M, N, K, from }] of FORMS.entries()) {
  const count = (GROUPS / 132) * 8 * EACH * ROUNDS;
  const { ns, spread } = times[i];
  console.log(
    `${name}${from ? `, from ${from === 'memory' ? 'memory' : 'workgroup memory'}` : ''}`.padEnd(48),
    `${((ns * clock) / count).toFixed(2)} clocks each, ${((2 * 132 * count * M * N * K) / ns / 1e3).toFixed(0)} TFLOP/s ±${(100 * spread).toFixed(1)} %`,
  );
}
process.exit(0);
