import { expect, test } from 'vitest';
import {
  type AdapterFacts,
  advice,
  binary,
  brief,
  decimal,
  type Facts,
  kernelForm,
  kernelTable,
  report,
} from './diagnosis.ts';

const LAVAPIPE: AdapterFacts = {
  vendor: 'mesa',
  device: 'llvmpipe',
  description: 'llvmpipe: Mesa 25.0.7',
  runtime: 'dawn',
  software: true,
  tier: 'subgroup',
  best: 'subgroup',
  features: ['shader-f16', 'subgroups', 'timestamp-query'],
  limits: {
    maxBufferSize: 2 ** 32 - 1,
    maxStorageBufferBindingSize: 2 ** 27,
    maxStorageBuffersPerShaderStage: 16,
    maxComputeWorkgroupStorageSize: 32768,
    maxComputeInvocationsPerWorkgroup: 1024,
  },
  subgroups: { min: 8, max: 8 },
  matrices: [],
};

const H200: AdapterFacts = {
  ...LAVAPIPE,
  vendor: 'nvidia',
  device: 'NVIDIA H200',
  description: 'NVIDIA: 580.159.03',
  software: false,
  tier: 'matrix',
  best: 'matrix',
  subgroups: { min: 32, max: 32 },
  matrices: ['f16 -> f32 16x16x16'],
};

const facts = (f: Partial<Facts>): Facts => ({
  lacuna: '0.1.0',
  runtime: { name: 'Node.js', version: '20.20.2', webgpu: 'Dawn (npm webgpu 0.6.2)' },
  system: { name: 'Debian GNU/Linux 12 (bookworm)', architecture: 'x64', release: 'debian bookworm' },
  devices: [],
  drivers: [{ path: '/usr/share/vulkan/icd.d/lvp_icd.json', exists: true }],
  kernels: [],
  ...f,
});

const NVIDIA_DEVICE = [{ path: '/dev/nvidia0', accessible: true }];

test('a machine that has all it can have needs no advice', () => {
  expect(advice(facts({ adapter: LAVAPIPE }))).toEqual([]);
  expect(advice(facts({ adapter: H200, devices: NVIDIA_DEVICE }))).toEqual([]);
});

// Each machine, and a word of each line that it needs to be told, in order.
test.each<[string, Partial<Facts>, RegExp[]]>([
  ['nothing installed', { drivers: [] }, [/no Vulkan driver.*make setup/]],
  ['drivers for other hardware', {}, [/none answers.*make setup/]],
  [
    'a driver named that is not there',
    { driversFrom: 'VK_DRIVER_FILES', drivers: [{ path: '/gone.json', exists: false }] },
    [/VK_DRIVER_FILES names \/gone.json.*unset/],
  ],
  [
    'Debian 12 with its own Mesa',
    { system: { ...facts({}).system, mesa: '22.3.6-1+deb12u1' } },
    [/22\.3\.6.*too old.*bookworm-backports.*make setup/],
  ],
  [
    'another system with an old Mesa',
    { system: { name: 'Ubuntu 22.04', architecture: 'x64', release: 'ubuntu jammy', mesa: '22.0.1' } },
    [/22\.0\.1.*too old.*23 or newer/],
  ],
  ['a container without graphics libraries', { devices: NVIDIA_DEVICE }, [/make setup/, /NVIDIA_DRIVER_CAPABILITIES/]],
  ['the same, with lavapipe', { adapter: LAVAPIPE, devices: NVIDIA_DEVICE }, [/libGLX_nvidia/]],
  [
    'an integrated GPU without permission',
    { adapter: LAVAPIPE, devices: [{ path: '/dev/dri/renderD128', accessible: false }] },
    [/group \(render\)/],
  ],
  [
    'an integrated GPU without a driver',
    { adapter: LAVAPIPE, devices: [{ path: '/dev/dri/renderD128', accessible: true }] },
    [/no Vulkan driver answers for it/],
  ],
  [
    'NVIDIA without f16',
    { adapter: { ...H200, best: 'portable', tier: 'portable', features: ['subgroups'] } },
    [/vulkan_enable_f16_on_nvidia.*update the NVIDIA driver/],
  ],
  [
    'NVIDIA without f16 in a browser',
    { adapter: { ...H200, runtime: 'browser', best: 'portable', tier: 'portable', features: [] } },
    [/--enable-dawn-features=vulkan_enable_f16_on_nvidia/],
  ],
  [
    'NVIDIA without subgroup matrices',
    { adapter: { ...H200, best: 'subgroup', tier: 'subgroup', matrices: [] } },
    [/VK_KHR_cooperative_matrix/],
  ],
  [
    'another GPU without f16',
    {
      adapter: {
        ...H200,
        vendor: 'intel',
        device: 'uhd',
        description: 'Mesa',
        best: 'portable',
        tier: 'portable',
        features: [],
      },
    },
    [/no shader-f16.*update the GPU/],
  ],
  [
    'Deno',
    {
      adapter: {
        ...H200,
        runtime: 'deno',
        best: 'portable',
        tier: 'portable',
        features: ['shader-f16'],
        subgroups: undefined,
      },
    },
    [/Deno.*Node\.js/],
  ],
  [
    'a forced tier',
    { adapter: { ...LAVAPIPE, tier: 'portable', forced: 'portable' } },
    [/LACUNA_TIER=portable.*subgroup/],
  ],
])('advice: %s', (_name, f, expected) => {
  const lines = advice(facts(f));
  expect(lines.length).toBe(expected.length);
  for (const [i, line] of lines.entries()) expect(line).toMatch(expected[i]);
  for (const line of lines) expect(line).not.toContain('\n');
});

test('the report names adapter, tier, limits, kernels, rates and advice', () => {
  const text = report(
    facts({
      adapter: { ...LAVAPIPE, tier: 'portable', forced: 'portable' },
      kernels: [
        { family: 'linear q4', form: 'tile', tokens: 1024 },
        { family: 'linear q4', form: 'vector', tokens: 1 },
      ],
      copy: { bytes: 2.4827e9, size: 2 ** 26, clock: 'gpu' },
      matmul: { flops: 8.4063e9, M: 64, N: 1024, K: 512, kernel: 'linear q4 tile', clock: 'host' },
    }),
  );
  for (const line of [
    'runtime   Node.js 20.20.2, Dawn (npm webgpu 0.6.2)',
    'adapter   mesa llvmpipe (software: runs on the CPU)',
    'tier      portable; the best here is subgroup',
    'features  shader-f16 yes; subgroups yes (of 8); subgroup matrices no; timestamp-query yes',
    'limits    binding 128 MiB; buffer 4 GiB; workgroup memory 32 KiB; 1024 invocations; 16 storage buffers',
    'kernels   linear q4  tile (1024 tokens), vector (1 token)',
    'copy      2.48 GB/s, read and written',
    'matmul    8.41 GFLOP/s, int4, 64 x 1024 x 512, linear q4 tile, by the host’s clock',
    'advice    LACUNA_TIER=portable',
  ])
    expect(text).toContain(line);
});

test('an adapter that has numbers for names goes by its description', () => {
  const deno: AdapterFacts = {
    ...LAVAPIPE,
    vendor: '65541',
    device: '0',
    description: 'llvmpipe (LLVM 15)',
    runtime: 'deno',
  };
  expect(report(facts({ adapter: deno }))).toContain('adapter   llvmpipe (LLVM 15) (software');
});

test('without an adapter the report says so and still advises', () => {
  const f = facts({ drivers: [], problem: 'no WebGPU adapter answers' });
  expect(report(f)).toContain('adapter   none');
  expect(report(f)).toContain('make setup');
  expect(brief(f)).toBe('no adapter: no WebGPU adapter answers');
});

test('brief is one line', () => {
  expect(brief(facts({ adapter: LAVAPIPE }))).toBe(
    'llvmpipe: Mesa 25.0.7 (software, on the CPU), tier subgroup, Node.js 20.20.2, Dawn (npm webgpu 0.6.2)',
  );
});

test('a label is split into family and form', () => {
  expect(kernelForm('linear q4 matrix', 1)).toEqual({ family: 'linear q4', form: 'matrix', tokens: 1 });
  expect(kernelForm('rms_norm', 7)).toEqual({ family: 'rms_norm', form: 'plain', tokens: 7 });
  expect(kernelForm('pool last', 7)).toEqual({ family: 'pool last', form: 'plain', tokens: 7 });
});

test('families with one form take one word', () => {
  const table = kernelTable([
    { family: 'rope', form: 'plain', tokens: 1024 },
    { family: 'rope', form: 'plain', tokens: 1 },
    { family: 'rms_norm', form: 'plain', tokens: 1024 },
  ]);
  expect(table).toEqual(['rope      plain', 'rms_norm  plain']);
});

test('rates and sizes are rounded to three digits in the unit that fits', () => {
  expect([999, 1e3, 1234567, 3.86e12, 2e18].map(decimal)).toEqual(['999 ', '1 k', '1.23 M', '3.86 T', '2000 P']);
  expect([16, 16384, 2 ** 27, 2 ** 31 - 4, 2 ** 32 - 1].map(binary)).toEqual([
    '16 bytes',
    '16 KiB',
    '128 MiB',
    '2 GiB',
    '4 GiB',
  ]);
});
