/**
 * Opens the GPU: one device, its limits raised to what the adapter has, and the tier that its kernels may use.
 *
 *   matrix    f16, subgroups and subgroup matrices f16 x f16 -> f32 at 16 x 16 x 16 (tensor cores)
 *   subgroup  f16 and subgroups, of any size
 *   portable  f32 only, no subgroups, WebGPU's default limits: 128 MiB bindings, 256 invocations, 16 KiB workgroup memory
 *
 * A forced tier takes the features and limits above it away from the device, so what passes there passes on
 * a machine that has no more.
 */
import { UserError } from '../errors.ts';

export type Tier = 'matrix' | 'subgroup' | 'portable';
export const TIERS: readonly Tier[] = ['matrix', 'subgroup', 'portable'];

/** What a kernel's plan may count on. Pure data, so that plans are tested without a GPU. */
export interface Caps {
  tier: Tier;
  /** shader-f16 is enabled: WGSL may `enable f16`, and activations are stored as f16. */
  f16: boolean;
  /** Sizes a subgroup may have, where subgroups are enabled. */
  subgroups?: { min: number; max: number };
  /** Subgroup matrices f16 x f16 -> f32, 16 x 16 x 16. */
  matrix: boolean;
  /** Beside them i8 x i8 -> i32, 16 x 16 x 32. */
  matrixI8?: boolean;
  timestamps: boolean;
  maxBinding: number;
  maxBuffer: number;
  maxWorkgroupStorage: number;
  maxInvocations: number;
  maxStorageBuffers: number;
}

/** WebGPU's guaranteed limits, which are the portable tier's. */
export const PORTABLE_CAPS: Caps = {
  tier: 'portable',
  f16: false,
  matrix: false,
  timestamps: false,
  maxBinding: 128 * 2 ** 20,
  maxBuffer: 256 * 2 ** 20,
  maxWorkgroupStorage: 16384,
  maxInvocations: 256,
  maxStorageBuffers: 8,
};

export interface OpenOptions {
  /** Highest tier to use; default: LACUNA_TIER, else the best the adapter has. */
  tier?: Tier;
  /** Keep WebGPU's bounds checks and zero-initialised workgroup memory, as browsers do; default: LACUNA_ROBUST=1. */
  robust?: boolean;
  /**
   * Ask for no more than WebGPU guarantees (16 KiB of workgroup memory, 256 invocations, 128 MiB bindings), whatever the
   * tier: what integrated GPUs give that have f16 and subgroups. Default: LACUNA_LIMITS=guaranteed.
   */
  guaranteed?: boolean;
}

export interface AdapterDescription {
  vendor: string;
  device: string;
  description: string;
  runtime: 'dawn' | 'deno' | 'browser';
  /** Runs on the CPU (lavapipe, SwiftShader). */
  software: boolean;
}

export interface OpenedAdapter {
  adapter: GPUAdapter;
  device: GPUDevice;
  caps: Caps;
  description: AdapterDescription;
}

type Env = Record<string, string | undefined>;
const env: Env = (globalThis as { process?: { env: Env } }).process?.env ?? {};

const NO_ADAPTER =
  'no WebGPU adapter answers: run `make setup` (installs a software Vulkan driver), or install your GPU driver’s Vulkan part; `lacuna doctor` says more';

const NO_ADAPTER_IN_BROWSER =
  'this browser knows WebGPU and finds no GPU for it: turn on hardware acceleration in its settings, update the GPU’s driver, or use another browser';

/** The tier named by LACUNA_TIER, if any. */
export function tierFromEnvironment(): Tier | undefined {
  const name = env.LACUNA_TIER;
  if (!name) return undefined;
  if (!TIERS.includes(name as Tier)) throw new UserError(`LACUNA_TIER=${name}: must be one of ${TIERS.join(', ')}`);
  return name as Tier;
}

function limitsFromEnvironment(): boolean {
  const name = env.LACUNA_LIMITS;
  if (name && name !== 'guaranteed') throw new UserError(`LACUNA_LIMITS=${name}: must be guaranteed, or unset`);
  return name === 'guaranteed';
}

/** The adapter alone, for a report on what is there. Throws a UserError where none answers. */
export async function requestAdapter(
  robust: boolean,
): Promise<{ adapter: GPUAdapter; runtime: AdapterDescription['runtime'] }> {
  const { gpu, runtime } = await entryPoint(robust);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new UserError(runtime === 'browser' ? NO_ADAPTER_IN_BROWSER : NO_ADAPTER);
  return { adapter, runtime };
}

/** Opens the best adapter. Throws a UserError that says what to do where there is none or the forced tier is not to be had. */
export async function openAdapter(options: OpenOptions = {}): Promise<OpenedAdapter> {
  const forced = options.tier ?? tierFromEnvironment();
  const { adapter, runtime } = await requestAdapter(options.robust ?? env.LACUNA_ROBUST === '1');
  const best = bestTier(adapter);
  const tier = forced ?? best;
  if (TIERS.indexOf(tier) < TIERS.indexOf(best))
    throw new UserError(
      `tier ${tier} is not to be had on ${adapter.info.description || adapter.info.device}: the best here is ${best}`,
    );

  const timestamps = adapter.features.has('timestamp-query');
  const features: string[] = timestamps ? ['timestamp-query'] : [];
  if (tier !== 'portable') features.push('shader-f16', 'subgroups');
  if (tier === 'matrix') features.push('chromium-experimental-subgroup-matrix');
  const L = adapter.limits;
  const guaranteed = options.guaranteed ?? limitsFromEnvironment();
  const limits: Record<string, number> = guaranteed ? {} : { maxBufferSize: Math.min(L.maxBufferSize, 2 ** 32) };
  if (tier !== 'portable' && !guaranteed) {
    limits.maxStorageBufferBindingSize = Math.min(L.maxStorageBufferBindingSize, 2 ** 32 - 4);
    limits.maxComputeWorkgroupStorageSize = L.maxComputeWorkgroupStorageSize;
    limits.maxComputeInvocationsPerWorkgroup = L.maxComputeInvocationsPerWorkgroup;
    limits.maxComputeWorkgroupSizeX = L.maxComputeWorkgroupSizeX;
  }
  const device = await adapter.requestDevice({
    requiredFeatures: features as GPUFeatureName[],
    requiredLimits: limits,
  });
  const info = adapter.info as GPUAdapterInfo & { subgroupMinSize: number; subgroupMaxSize: number };
  const description = describe(adapter, runtime);
  const caps: Caps = {
    tier,
    f16: tier !== 'portable',
    subgroups: tier === 'portable' ? undefined : { min: info.subgroupMinSize, max: info.subgroupMaxSize },
    matrix: tier === 'matrix',
    matrixI8: tier === 'matrix' && hasMatrix(adapter, 'i8', 'i32', 32),
    timestamps,
    maxBinding: device.limits.maxStorageBufferBindingSize,
    maxBuffer: device.limits.maxBufferSize,
    maxWorkgroupStorage: device.limits.maxComputeWorkgroupStorageSize,
    maxInvocations: device.limits.maxComputeInvocationsPerWorkgroup,
    maxStorageBuffers: device.limits.maxStorageBuffersPerShaderStage,
  };
  return { adapter, device, caps, description };
}

interface MatrixConfig {
  componentType: string;
  resultComponentType: string;
  M: number;
  N: number;
  K: number;
}

/** The highest tier this adapter can run. */
export function bestTier(adapter: GPUAdapter): Tier {
  const has = (name: string) => (adapter.features as ReadonlySet<string>).has(name);
  if (!has('shader-f16') || !has('subgroups')) return 'portable';
  const usable = has('chromium-experimental-subgroup-matrix') && hasMatrix(adapter, 'f16', 'f32', 16);
  const size = (adapter.info as { subgroupMaxSize?: number }).subgroupMaxSize;
  return usable && size === 32 ? 'matrix' : 'subgroup';
}

/** Whether subgroup matrices of 16 x K and K x 16 are multiplied into 16 x 16. */
function hasMatrix(adapter: GPUAdapter, operand: string, result: string, K: number): boolean {
  const configs = (adapter.info as { subgroupMatrixConfigs?: MatrixConfig[] }).subgroupMatrixConfigs ?? [];
  return configs.some(
    (c) => c.componentType === operand && c.resultComponentType === result && c.M === 16 && c.N === 16 && c.K === K,
  );
}

export function describe(adapter: GPUAdapter, runtime: AdapterDescription['runtime']): AdapterDescription {
  const { vendor, architecture, device, description } = adapter.info;
  // Browsers leave device and description empty, and say what runs on the CPU by its architecture alone.
  const text = `${vendor} ${architecture} ${device} ${description}`.toLowerCase();
  return { vendor, device, description, runtime, software: /llvmpipe|lavapipe|swiftshader/.test(text) };
}

async function entryPoint(robust: boolean): Promise<{ gpu: GPU; runtime: AdapterDescription['runtime'] }> {
  const native = globalThis.navigator?.gpu;
  if (native) return { gpu: native, runtime: 'Deno' in globalThis ? 'deno' : 'browser' };
  if (!env.PATH) throw new UserError('this browser has no WebGPU: use a current Chrome, Edge, Safari 26 or Firefox');
  const { dawn } = await import('./dawn.ts');
  return { gpu: dawn(robust), runtime: 'dawn' };
}
