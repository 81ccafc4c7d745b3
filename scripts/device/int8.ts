/**
 * What i8 x i8 -> i32 subgroup matrices (16 x 16 x 32) make beside f16 x f16 -> f32 (16 x 16 x 16), everything in registers,
 * with operands from workgroup memory, and with the left one from memory in tiles:
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/int8.mjs
 */
import { time } from '../../src/bench.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { specialise } from '../../src/gpu/wgsl.ts';

/** x and w are 16 x 4 vectors of 16 bytes a matrix pair: 16 rows of 32 bytes each. */
function text(type: 'f16' | 'i8', from: 'registers' | 'workgroup' | 'memory', rounds: number, wg = 128, columns = 4): string {
  const k = type === 'f16' ? 16 : 32;
  const sum = type === 'f16' ? 'f32' : 'i32';
  const SUMS = 4 * columns;
  const lefts = (at: string) => [0, 1, 2, 3].map((i) => `a[${i}] = subgroupMatrixLoad<subgroup_matrix_left<${type}, ${k}, 16>, row_major>(&${from === 'memory' ? 'x' : 's'}, ${i * (from === 'memory' ? 32 : 80)}u + ${from === 'memory' ? '(t / 32u % 2u) * 128u' : 't / 32u % 2u * 320u'} + ${at}, ${from === 'memory' ? 2 : 5}u);`);
  const rights = (at: string) => Array.from({ length: columns }, (_, i) => `b[${i}] = subgroupMatrixLoad<subgroup_matrix_right<${type}, 16, ${k}>, col_major>(&s, ${640 + i * 80}u + t / 64u % 2u * 320u + ${at}, 5u);`);
  const sums = Array.from({ length: SUMS }, (_, i) => i);
  return specialise(
    `@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<${sum}>>;
var<workgroup> s: array<vec4<u32>, 1300>;
@compute @workgroup_size(${wg}) fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) t: u32) {
for (var i = t; i < 1300u; i += ${wg}u) { s[i] = x[i]; }
workgroupBarrier();
var a: array<subgroup_matrix_left<${type}, ${k}, 16>, 4>;
var b: array<subgroup_matrix_right<${type}, 16, ${k}>, ${columns}>;
var c: array<subgroup_matrix_result<${sum}, 16, 16>, ${SUMS}>;
${from === 'registers' ? [...lefts('0u'), ...rights('0u')].join('\n') : ''}
for (var k = 0u; k < ${rounds}u; k++) {
${from !== 'registers' ? [...lefts(from === 'memory' ? '(k % 16u) * 256u' : '(k % 2u) * 2u'), ...rights('(k % 2u) * 2u')].join('\n') : ''}
${sums.map((i) => `c[${i}] = subgroupMatrixMultiplyAccumulate(a[${i & 3}], b[${i >> 2}], c[${i}]);`).join('\n')}
}
${sums.map((i) => `subgroupMatrixStore<row_major>(&y, ((w.x * ${wg / 32}u + t / 32u) * ${SUMS}u + ${i}u) * 64u, c[${i}], 4u);`).join('\n')}
}`,
    { enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'] },
  );
}

if (process.argv.includes('--null')) {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  globalThis.instance = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  const device = await (await globalThis.instance.requestAdapter())!.requestDevice({
    requiredFeatures: ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as never,
  });
  for (const type of ['f16', 'i8'] as const)
    for (const from of ['registers', 'workgroup', 'memory'] as const) {
      const module = device.createShaderModule({ code: text(type, from, 10).replaceAll('1300', '1000') });
      await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
    }
  console.log('all compile');
  process.exit(0);
}
const gpu = await Gpu.open();
const bytes = Uint32Array.from({ length: 4 * 8192 }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) ^ (i << 7)) >>> 0);
// As halves some would be infinite or NaN: exponents are cut.
const halves = bytes.map((v) => v & 0xbbffbbff & 0x3fff3fff);
const rounds = 4000;
const groups = 264;
for (let warm = 0; warm < 2; warm++)
  for (const type of ['f16', 'i8'] as const)
    for (const from of ['registers', 'workgroup', 'memory'] as const) {
      const x = gpu.upload('x', 'u32', [bytes.length], type === 'f16' ? halves : bytes);
      const y = gpu.tensor('y', 'u32', [groups * 4 * 16 * 256]);
      const r = new Recorder(gpu);
      r.dispatch({ label: `${type} ${from}`, code: text(type, from, rounds), bindings: [x, y], grid: [groups] });
      const recording = await r.finish();
      const end = performance.now() + 1000;
      while (performance.now() < end) await recording.time(2);
      const { ns } = await time(recording, {});
      const k = type === 'f16' ? 16 : 32;
      console.log(`${type.padEnd(4)} ${from.padEnd(10)} ${((groups * 4 * 16 * 2 * 256 * k * rounds) / ns / 1e3).toFixed(0)} TFLOP/s`);
      if (type === 'i8' && from === 'registers' && !warm) {
        const got = new Int32Array((await gpu.read(y, 256)).buffer);
        const s = new Int8Array(bytes.buffer);
        const at = (v: number, b: number) => s[16 * v + b];
        let wrong = 0;
        for (let m = 0; m < 16; m++)
          for (let n = 0; n < 16; n++) {
            let sum = 0;
            for (let q = 0; q < 32; q++) sum += at(5 * m, q) * at(640 + 5 * n, q);
            if (Math.imul(sum, rounds) !== got[16 * m + n]) wrong++;
          }
        console.log(`i8 sums: ${wrong} of 256 wrong`);
      }
      gpu.free(x, y);
    }
gpu.close();
process.exit(0);
