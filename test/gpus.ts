/**
 * The GPUs that kernel tests run on, one after the other in one process:
 *
 *   under Node   lavapipe at its best tier (subgroup), lavapipe cut down to portable, SwiftShader
 *   under Deno   its own adapter
 *   LACUNA_TEST_GPUS=native   the machine's own GPU, at every tier it has (for the GPU machine)
 *   LACUNA_TEST_GPUS=small    lavapipe with f16 and subgroups, and no more than WebGPU's guaranteed limits: what an
 *                             integrated GPU may have
 *
 * A driver that should be there and is not fails the test: a suite that ran on less than it claims proves nothing.
 */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe } from 'vitest';
import type { Tier } from '../src/gpu/adapter.ts';
import { Gpu } from '../src/gpu/gpu.ts';

export interface TestGpu {
  name: string;
  tier: Tier;
  /** Vulkan driver manifest; the system's choice where absent. */
  icd?: string;
  /** Bits of lavapipe's vectors: its subgroup is that many / 32. Narrow ones compile in half the time. */
  width?: 128 | 256;
  /** Its limits are cut down to what WebGPU guarantees. */
  guaranteed?: boolean;
}

const LAVAPIPE = '/usr/share/vulkan/icd.d/lvp_icd.json';
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** f16 and subgroups, 16 KiB of workgroup memory, 256 invocations, 128 MiB bindings. */
export const SMALL_GPU: TestGpu = {
  name: 'lavapipe small',
  tier: 'subgroup',
  icd: LAVAPIPE,
  width: 256,
  guaranteed: true,
};

export function testGpus(): TestGpu[] {
  const wanted = process.env.LACUNA_TEST_GPUS;
  if (wanted === 'native')
    return (['matrix', 'subgroup', 'portable'] as const).map((tier) => ({ name: `native ${tier}`, tier }));
  if ('Deno' in globalThis) return [{ name: 'deno portable', tier: 'portable' }];
  if (wanted === 'small') return [SMALL_GPU];
  const all: TestGpu[] = [
    { name: 'lavapipe subgroup', tier: 'subgroup', icd: LAVAPIPE, width: 256 },
    { name: 'lavapipe portable', tier: 'portable', icd: LAVAPIPE, width: 128 },
    { name: 'swiftshader portable', tier: 'portable', icd: SWIFTSHADER },
  ];
  return wanted ? all.filter((g) => g.name.includes(wanted)) : all;
}

export async function openTestGpu(g: TestGpu): Promise<Gpu> {
  if (g.icd) {
    if (!existsSync(g.icd)) throw new Error(`${g.icd} is not installed: run \`make setup\``);
    process.env.VK_DRIVER_FILES = g.icd;
    if (g.width) process.env.LP_NATIVE_VECTOR_WIDTH = `${g.width}`;
  }
  const gpu = await Gpu.open({ tier: g.tier, guaranteed: g.guaranteed });
  if (gpu.caps.tier !== g.tier) throw new Error(`${g.name}: got tier ${gpu.caps.tier}`);
  return gpu;
}

/** A suite that runs on every test GPU. `gpu()` is the open one, valid inside tests and hooks; `on` its name. */
export function describeGpus(name: string, body: (gpu: () => Gpu, tier: Tier, on: string) => void): void {
  for (const g of testGpus())
    describe(`${name} on ${g.name}`, () => {
      let gpu: Gpu;
      beforeAll(async () => {
        gpu = await openTestGpu(g);
      });
      afterAll(() => gpu?.close());
      body(() => gpu, g.tier, g.name);
    });
}
