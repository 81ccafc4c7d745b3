/**
 * Where tests of subgroup matrix kernels run: on the machine's own tensor cores with LACUNA_TEST_GPUS=native, else on
 * lavapipe, whose f16 arithmetic plays them (emulated_matrix.ts). The GPU they get says tier `matrix`, so that plans,
 * labels and texts are those of the GPU machine. And a compiler for the real texts, which needs no GPU at all.
 */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Caps, PORTABLE_CAPS } from '../src/gpu/adapter.ts';
import type { Gpu } from '../src/gpu/gpu.ts';
import { emulateMatrix } from './emulated_matrix.ts';
import { openTestGpu, type TestGpu, testGpus } from './gpus.ts';

/** What Dawn says of an H200, for plans. */
export const H200: Caps = {
  ...PORTABLE_CAPS,
  tier: 'matrix',
  f16: true,
  matrix: true,
  subgroups: { min: 32, max: 32 },
  maxWorkgroupStorage: 49152,
  maxInvocations: 1024,
};

/** The native one, or lavapipe's to be emulated on; none under Deno or where LACUNA_TEST_GPUS asks for others. */
function matrixGpu(): (TestGpu & { emulated: boolean }) | undefined {
  const native = testGpus().find((g) => g.tier === 'matrix');
  if (native) return { ...native, emulated: false };
  const lavapipe = testGpus().find((g) => g.name === 'lavapipe subgroup');
  // Its own subgroups are not used: narrow vectors compile sooner.
  return lavapipe && { ...lavapipe, name: 'lavapipe emulated matrix', width: 128, emulated: true };
}

/** A GPU without subgroup matrices, from now on with: every pipeline that it compiles is rewritten. */
export function emulate(gpu: Gpu): Gpu {
  Object.assign(gpu.caps, { tier: 'matrix', matrix: true, subgroups: { min: 32, max: 32 } } satisfies Partial<Caps>);
  const compile = gpu.pipeline.bind(gpu);
  gpu.pipeline = async (label, code) => compile(label, emulateMatrix(code));
  return gpu;
}

/** A suite's GPU with matrices of i8, which are played where the others are; undefined where a native one has none. */
export function int8Gpu(gpu: Gpu, emulated: boolean): Gpu | undefined {
  if (emulated) gpu.caps.matrixI8 = true;
  return gpu.caps.matrixI8 ? gpu : undefined;
}

/** A suite for the tier `matrix`. `gpu()` is the open GPU, valid inside tests and hooks. */
export function describeMatrixGpu(name: string, body: (gpu: () => Gpu, emulated: boolean) => void): void {
  const on = matrixGpu();
  if (!on) return;
  describe(`${name} on ${on.name}`, () => {
    let gpu: Gpu;
    beforeAll(async () => {
      // Compiling takes longer than running what is compiled.
      if (on.emulated) process.env.GALLIVM_PERF = 'nopt';
      gpu = await openTestGpu(on);
      if (on.emulated) emulate(gpu);
    });
    afterAll(() => gpu?.close());
    body(() => gpu, on.emulated);
  });
}

/**
 * Compiles texts with Dawn's null backend, which accepts subgroup matrices without a GPU. It has 16 KiB of workgroup
 * memory, 256 threads a workgroup and subgroups of up to 128: a text that asks for more, at most what `caps` has, is compiled
 * again with its arrays or its workgroup cut down, and one of fewer threads, whole subgroups of `caps`, with as many as that:
 * no rule of WGSL looks at it.
 */
export async function compileAll(texts: Iterable<string>, caps: Caps = H200): Promise<void> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const instance = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  // A collected instance takes the process down.
  kept.push(instance);
  const adapter = (await instance.requestAdapter())!;
  const device = await adapter.requestDevice({
    requiredFeatures: ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as never,
  });
  const compile = (code: string) => {
    const module = device.createShaderModule({ code });
    return device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  };
  /** The text within the null backend's limits, where that it is not, and no more than `caps` has, is all that is wrong. */
  const cut = (code: string, { message }: Error): string | undefined => {
    const bytes = /total use of workgroup storage \((\d+) bytes\)/.exec(message)?.[1];
    const threads = /uses workgroup_size\((\d+), 1, 1\)/.exec(message)?.[1];
    const few = /workgroup_size \((\d+)\) must be a multiple of the device maxSubgroupSize \((\d+)\)/.exec(message);
    if (bytes) expect(Number(bytes)).toBeLessThanOrEqual(caps.maxWorkgroupStorage);
    if (threads) expect(Number(threads)).toBeLessThanOrEqual(caps.maxInvocations);
    if (few) expect(Number(few[1]) % caps.subgroups!.max).toBe(0);
    const arrays = code.match(WORKGROUP_ARRAY)?.length ?? 0;
    if (bytes) return code.replace(WORKGROUP_ARRAY, `$1, ${Math.floor(1000 / arrays)}>;`);
    const size = few?.[2] ?? (threads && '128');
    return size && code.replace(/@workgroup_size\(\w+\)/, `@workgroup_size(${size})`);
  };
  for (const code of texts) {
    const again = async (text: string, cuts: number): Promise<void> => {
      try {
        await compile(text);
      } catch (error) {
        const shorter = cuts > 0 ? cut(text, error as Error) : undefined;
        if (!shorter) throw error;
        await again(shorter, cuts - 1);
      }
    };
    await again(code, 2);
  }
  device.destroy();
}

/** Up to its length; a thousand of its elements at most are 16 bytes each. */
const WORKGROUP_ARRAY = /(var<workgroup> \w+: array<(?:\w+<\w+>|\w+)), .*>;/g;

const kept: unknown[] = [];
