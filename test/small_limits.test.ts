/**
 * GPUs that have f16 and subgroups and no more workgroup memory, invocations and binding size than WebGPU guarantees, as
 * integrated ones do. Every kernel runs there, at the shapes of its benchmark for the CPU; and at those for large GPUs
 * its plans make texts that such a device compiles. `LACUNA_TEST_GPUS=small` runs all kernel tests there.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BenchCase } from '../src/bench.ts';
import { BENCHES } from '../src/cli/bench_cases.ts';
import { PORTABLE_CAPS } from '../src/gpu/adapter.ts';
import type { Gpu } from '../src/gpu/gpu.ts';
import { Recorder } from '../src/gpu/recorder.ts';
import { tensorBytes } from '../src/gpu/tensor.ts';
import { openTestGpu, SMALL_GPU } from './gpus.ts';
import { compileAll } from './matrix_gpus.ts';

const LIMITS = {
  maxBinding: PORTABLE_CAPS.maxBinding,
  maxBuffer: PORTABLE_CAPS.maxBuffer,
  maxWorkgroupStorage: PORTABLE_CAPS.maxWorkgroupStorage,
  maxInvocations: PORTABLE_CAPS.maxInvocations,
  maxStorageBuffers: PORTABLE_CAPS.maxStorageBuffers,
};

const cases = (gpu: Gpu): BenchCase[] => BENCHES.flatMap((make) => make(gpu));
const nameOf = (c: BenchCase) => `${c.kernel} ${c.shape}`;

describe.skipIf('Deno' in globalThis)('a small GPU', () => {
  let gpu: Gpu;
  beforeAll(async () => {
    gpu = await openTestGpu(SMALL_GPU);
  });
  afterAll(() => gpu?.close());

  test('has f16, subgroups and the guaranteed limits', () => {
    expect(gpu.caps).toMatchObject({ tier: 'subgroup', f16: true, matrix: false, ...LIMITS });
  });

  test('runs every kernel, correctly', async () => {
    for (const c of cases(gpu)) {
      const r = new Recorder(gpu);
      await c.record(r);
      const recording = await r.finish();
      recording.replay();
      expect({ case: nameOf(c), passes: (await c.check()) <= 1 }).toEqual({ case: nameOf(c), passes: true });
      recording.free();
      c.free();
    }
  });

  test('compiles what is planned for large shapes', async () => {
    const texts = new Map<string, string>();
    const large = withoutMemory(gpu);
    // Plans no longer change above some thousand rows and columns, and poisoning what is larger takes the host long.
    for (const c of cases(large).filter((c) => c.bytes < 100e6)) {
      const r = new Recorder(large);
      await c.record(r);
      for (const { label, code } of r.dispatches) texts.set(code, label);
    }
    expect(texts.size > 50).toBe(true);
    await compileAll(texts.keys(), { ...gpu.caps, ...LIMITS });
  });
});

/** The same GPU, but one that says it is no software, and whose tensors, however large, have no bytes. */
function withoutMemory(gpu: Gpu): Gpu {
  const queue = new Proxy(gpu.device.queue, {
    get: (target, name) => (name === 'writeBuffer' || name === 'submit' ? () => {} : Reflect.get(target, name)),
  });
  const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups() {}, end() {} };
  const device = new Proxy(gpu.device, {
    get(target, name) {
      if (name === 'queue') return queue;
      if (name === 'createBindGroup') return () => undefined;
      if (name === 'createCommandEncoder')
        return () => ({ beginComputePass: () => pass, clearBuffer() {}, copyBufferToBuffer() {}, finish() {} });
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const buffer = gpu.device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  const made: Gpu = Object.create(gpu, {
    device: { value: device },
    description: { value: { ...gpu.description, software: false } },
    caps: { value: { ...gpu.caps, subgroups: { min: 32, max: 32 } } },
    tensor: {
      value: (label: string, dtype: 'f32', shape: number[]) => ({
        ...{ label, dtype, shape, buffer },
        bytes: tensorBytes(dtype, shape),
      }),
    },
    upload: { value: (label: string, dtype: 'f32', shape: number[]) => made.tensor(label, dtype, shape) },
    write: { value: () => {} },
    clear: { value: () => {} },
    free: { value: () => {} },
    uniform: { value: (label: string, words: Uint32Array) => made.tensor(label, 'u32', [words.length]) },
    dim: { value: (label: string, ...numbers: number[]) => gpu.dim(label, ...numbers) },
    activation: { value: gpu.activation },
    pipeline: { value: async () => ({ getBindGroupLayout() {} }) },
  });
  return made;
}
