/** What WebGPU found, in the words of the page. */
import { describe } from '../../src/gpu/adapter.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import type { GpuReport } from './api.ts';

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
] as const;

export const noGpu = (problem: string): GpuReport => ({
  problem,
  name: '',
  software: false,
  tier: 'portable',
  reasons: [],
  limits: [],
  features: [],
});

/** The open GPU; the adapter is asked again, since it knows more than the tier takes. */
export async function gpuReport(gpu: Gpu): Promise<GpuReport> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  const features = [...(adapter?.features ?? gpu.device.features)].sort();
  const has = (name: string) => features.includes(name);
  const { caps } = gpu;
  const { vendor, architecture, device, description } = adapter?.info ?? gpu.device.adapterInfo;
  const say = (name: string, what: string) => `${name}: ${has(name) ? 'there' : 'missing'} (${what})`;
  const reasons = [
    say('shader-f16', 'half the memory traffic'),
    say('subgroups', 'sums across threads without memory'),
    say('chromium-experimental-subgroup-matrix', 'tensor cores; browsers have it behind a flag only'),
  ];
  if (caps.tier === 'portable')
    reasons.push('Tier portable: f32 and no subgroups, WebGPU’s guaranteed limits; runs wherever WebGPU does.');
  else if (caps.tier === 'subgroup') reasons.push('Tier subgroup: f16 and subgroups, the adapter’s own limits.');
  else reasons.push('Tier matrix: f16, subgroups and subgroup matrices, the adapter’s own limits.');
  return {
    name: [vendor, architecture, device, description].filter((part) => part).join(' ') || 'unnamed GPU',
    software: adapter ? describe(adapter, 'browser').software : gpu.description.software,
    tier: caps.tier,
    reasons,
    limits: LIMITS.map((name) => ({ name, value: gpu.device.limits[name] })),
    features,
  };
}
