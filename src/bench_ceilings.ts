/**
 * What this GPU can do at most, measured now: the rate of a copy, and of multiplying and adding with everything in
 * registers, on subgroup matrices where the tier has them. A benchmark's share of these is what it says of a kernel.
 */
import { EFFORT, type Effort, time } from './bench.ts';
import { UserError } from './errors.ts';
import type { Gpu } from './gpu/gpu.ts';
import { Recorder } from './gpu/recorder.ts';
import { specialise } from './gpu/wgsl.ts';
import { toHalf } from './half.ts';
import { measureCopy } from './infer/measure.ts';

export interface Ceilings {
  /** Bytes a second, read and written added up. */
  copy: number;
  /** FLOP a second, f32 sums. */
  multiply: number;
  /** What multiplied: 'subgroup matrices f16 -> f32' or 'f32'. */
  unit: string;
  /** The same of whole numbers, i8 -> i32, where subgroup matrices take them. */
  multiplyI8?: number;
}

/** Throws a UserError where the GPU copies or multiplies wrongly. */
export async function measureCeilings(gpu: Gpu): Promise<Ceilings> {
  const effort = EFFORT[gpu.description.software ? 'software' : 'gpu'];
  // The best of a few: a ceiling that something else on the machine held down is none.
  let copy = 0;
  for (let i = 0; i < 3; i++) copy = Math.max(copy, (await measureCopy(gpu)).bytes);
  if (gpu.caps.matrix) {
    const rate = (type: 'f16' | 'i8') => settled((again) => matrixRate(gpu, { effort: again ? BRIEF : effort, type }));
    const multiply = await rate('f16');
    const multiplyI8 = gpu.caps.matrixI8 ? await rate('i8') : undefined;
    return { copy, multiply, unit: 'subgroup matrices f16 -> f32', ...(multiplyI8 && { multiplyI8 }) };
  }
  return { copy, multiply: await plainRate(gpu, effort), unit: 'f32' };
}

/** For a GPU that is warm already. */
const BRIEF: Effort = { warmMs: 300 };
/** How often at most, and by how much a rate may still have risen to be taken. */
const [TRIES, RISE] = [12, 1.01];

/** The highest rate, measured until it rises no more: an H200's clock was seen to take longer than any warming up. */
export async function settled(measure: (again: boolean) => Promise<number>): Promise<number> {
  let best = await measure(false);
  for (let i = 1; i < TRIES; i++) {
    const rate = await measure(true);
    const done = rate < best * RISE;
    best = Math.max(best, rate);
    if (done) break;
  }
  return best;
}

/** FLOP a second of vec4<f32> sums c = c a + b. */
async function plainRate(gpu: Gpu, effort: Effort): Promise<number> {
  // As many sums as hide the latency of each and stay in registers, of which a CPU has sixteen of one number's lanes.
  const [groups, wg, rounds, sums] = gpu.description.software ? [64, 64, 4096, 2] : [4096, 256, 2048, 8];
  const each = Array.from({ length: sums }, (_, i) => i);
  const code = `@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@compute @workgroup_size(${wg}) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
let a = x[id.x % ${wg}u];
let b = x[${wg}u + id.x % ${wg}u];
${each.map((i) => `var c${i} = b * ${i}.0;`).join('\n')}
for (var k = 0u; k < ${rounds}u; k++) {
${each.map((i) => `c${i} = fma(c${i}, a, b);`).join('\n')}
}
y[id.x] = ${each.map((i) => `c${i}`).join(' + ')};
}`;
  // |a| <= 1/2: every sum comes to rest at b / (1 - a).
  const values = Float32Array.from({ length: 8 * wg }, (_, i) => Math.sin(i + 1) / 2);
  const x = gpu.upload('x', 'f32', [2 * wg, 4], values);
  const y = gpu.tensor('y', 'f32', [groups * wg, 4]);
  const r = new Recorder(gpu);
  r.dispatch({ label: 'multiply', code, bindings: [x, y], grid: [groups] });
  const recording = await r.finish();
  let ns = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) ns = Math.min(ns, (await time(recording, effort)).ns);
  const result = await gpu.read(y, 4 * wg);
  gpu.free(x, y);
  const wrong = result.findIndex((v, i) => {
    const expected = (sums * values[4 * wg + i]) / (1 - values[i]);
    return !(Math.abs(v - expected) <= 1e-4 * Math.abs(expected));
  });
  if (wrong >= 0) throw new UserError(`${gpu.description.description}: multiplies wrongly: update the GPU's driver`);
  return (groups * wg * rounds * sums * 8 * 1e9) / ns;
}

/**
 * FLOP a second of multiply-accumulate alone, f16 into f32 or i8 into i32; `reload`: with its operands read from workgroup
 * memory each time, from sixteen places by turns (of two, a compiler keeps all in registers).
 */
export async function matrixRate(
  gpu: Gpu,
  { reload = false, effort = {}, type = 'f16' }: { reload?: boolean; effort?: Effort; type?: 'f16' | 'i8' } = {},
): Promise<number> {
  const [groups, rounds] = [264, 2000];
  // Of a subgroup, so that none waits for its last sum.
  const SUMS = 16;
  const { K, sum } = { f16: { K: 16, sum: 'f32' }, i8: { K: 32, sum: 'i32' } }[type];
  const random = Uint16Array.from({ length: 8 * 1312 }, (_, i) =>
    type === 'f16' ? toHalf(Math.sin(7919 * i)) : 65536 * Math.abs(Math.sin(7919 * i)),
  );
  const x = gpu.upload('x', 'f16', [random.length], random);
  const y = gpu.tensor('y', type === 'f16' ? 'f32' : 'u32', [groups * 4 * SUMS * 256]);
  const operands = (at: string) =>
    [0, 1, 2, 3].map(
      (i) =>
        `a[${i}] = subgroupMatrixLoad<subgroup_matrix_left<${type}, ${K}, 16>, row_major>(&s, ${i * 80}u + t / 32u % 2u * 320u + ${at}, 5u);
b[${i}] = subgroupMatrixLoad<subgroup_matrix_right<${type}, 16, ${K}>, col_major>(&s, ${640 + i * 80}u + t / 64u * 320u + ${at}, 5u);`,
    );
  const sums = Array.from({ length: SUMS }, (_, i) => i);
  const body = `@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<${sum}>>;
var<workgroup> s: array<vec4<u32>, 1312>;
@compute @workgroup_size(128) fn main(@builtin(workgroup_id) w: vec3<u32>, @builtin(local_invocation_index) t: u32) {
for (var i = t; i < 1312u; i += 128u) { s[i] = x[i]; }
workgroupBarrier();
var a: array<subgroup_matrix_left<${type}, ${K}, 16>, 4>;
var b: array<subgroup_matrix_right<${type}, 16, ${K}>, 4>;
var c: array<subgroup_matrix_result<${sum}, 16, 16>, ${SUMS}>;
${reload ? '' : operands('0u').join('\n')}
for (var k = 0u; k < ${rounds}u; k++) {
${reload ? operands('(5u * k % 16u) * 2u').join('\n') : ''}
${sums.map((i) => `c[${i}] = subgroupMatrixMultiplyAccumulate(a[${i & 3}], b[${i >> 2}], c[${i}]);`).join('\n')}
}
${sums.map((i) => `subgroupMatrixStore<row_major>(&y, ((w.x * 4u + t / 32u) * ${SUMS}u + ${i}u) * 64u, c[${i}], 4u);`).join('\n')}
}`;
  const code = specialise(body, { enable: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'] });
  const r = new Recorder(gpu);
  r.dispatch({ label: 'multiply-accumulate', code, bindings: [x, y], grid: [groups] });
  const { ns } = await time(await r.finish(), effort);
  const end = await gpu.read(y, SUMS * 256);
  gpu.free(x, y);
  // Whole numbers are finite, and not all 0.
  if (type === 'f16' ? !end.every(Number.isFinite) : !end.some((v) => v !== 0))
    throw new UserError(`${gpu.description.description}: multiplies wrongly: update the GPU's driver`);
  return (groups * 4 * SUMS * 512 * K * rounds * 1e9) / ns;
}
