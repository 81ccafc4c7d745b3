/** `lacuna doctor`: what this machine offers, what each kernel family makes of it, and what to do about what is missing. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { UserError } from '../errors.ts';
import { bestTier, describe, requestAdapter, tierFromEnvironment } from '../gpu/adapter.ts';
import { Gpu } from '../gpu/gpu.ts';
import { measureCopy, measureMatmul } from '../infer/measure.ts';
import { type AdapterFacts, advice, brief, type Facts, report } from './diagnosis.ts';
import { kernelForms } from './kernel_forms.ts';

export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('Say which adapter, tier and kernels run here, how fast, and what to do about what is missing.')
    .option('--brief', 'one line, nothing measured')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
Exit code 0 where an adapter works, 2 where none does.
VK_DRIVER_FILES picks a Vulkan driver, LACUNA_TIER a lower tier.

Examples:
  lacuna doctor
  LACUNA_TIER=portable lacuna doctor --json`,
    )
    .action(async (o: { brief?: boolean; json?: boolean }) => {
      const facts = await examine({ measure: !o.brief });
      if (o.json) process.stdout.write(`${JSON.stringify({ ...facts, advice: advice(facts) })}\n`);
      else process.stdout.write(o.brief ? `${brief(facts)}\n` : report(facts));
      if (facts.problem) throw new UserError(facts.problem);
    });
}

/** Gathers the facts. `measure`: also the kernels' forms and the rates, which takes a second or two. */
export async function examine({ measure }: { measure: boolean }): Promise<Facts> {
  const facts: Facts = { ...surroundings(), kernels: [] };
  try {
    facts.adapter = await adapterFacts();
    const gpu = await Gpu.open();
    facts.adapter.tier = gpu.caps.tier;
    if (measure) {
      facts.kernels = kernelForms(gpu);
      facts.copy = await measureCopy(gpu);
      facts.matmul = await measureMatmul(gpu);
    }
    gpu.close();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    facts.problem = error.message;
  }
  return facts;
}

interface MatrixConfig {
  componentType: string;
  resultComponentType: string;
  M: number;
  N: number;
  K: number;
}

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
] as const;

async function adapterFacts(): Promise<AdapterFacts> {
  const { adapter, runtime } = await requestAdapter(false);
  const best = bestTier(adapter);
  const info = adapter.info as {
    subgroupMinSize?: number;
    subgroupMaxSize?: number;
    subgroupMatrixConfigs?: MatrixConfig[];
  };
  const { subgroupMinSize: min, subgroupMaxSize: max, subgroupMatrixConfigs = [] } = info;
  return {
    ...describe(adapter, runtime),
    tier: best,
    best,
    forced: tierFromEnvironment(),
    features: [...adapter.features].sort(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
    subgroups: min && max ? { min, max } : undefined,
    matrices: subgroupMatrixConfigs.map((c) => `${c.componentType} -> ${c.resultComponentType} ${c.M}x${c.N}x${c.K}`),
  };
}

function surroundings(): Pick<Facts, 'lacuna' | 'runtime' | 'system' | 'devices' | 'drivers' | 'driversFrom'> {
  const deno = (globalThis as { Deno?: { version: { deno: string } } }).Deno;
  const driversFrom = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'].find((name) => process.env[name]);
  const named = driversFrom ? process.env[driversFrom]!.split(':') : installedDrivers();
  return {
    lacuna: manifest.version,
    runtime: deno
      ? { name: 'Deno', version: deno.version.deno, webgpu: 'wgpu' }
      : {
          name: 'Node.js',
          version: process.versions.node,
          webgpu: `Dawn (npm webgpu ${manifest.dependencies.webgpu})`,
        },
    system: systemFacts(),
    devices: deviceFiles(),
    drivers: named.map((path) => ({ path, exists: existsSync(path) })),
    driversFrom,
  };
}

function systemFacts(): Facts['system'] {
  let release: Record<string, string> = {};
  try {
    const lines = readFileSync('/etc/os-release', 'utf8').split('\n');
    release = Object.fromEntries(lines.map((line) => line.replaceAll('"', '').split('=', 2)));
  } catch {
    // No such file: not Linux.
  }
  // One line a package: name, tab, version; nothing after the tab where it is known and not installed.
  const { stdout } = spawnSync('dpkg-query', ['-W', 'mesa-vulkan-drivers'], { encoding: 'utf8' });
  return {
    name: release.PRETTY_NAME ?? process.platform,
    architecture: process.arch,
    release: release.ID && `${release.ID} ${release.VERSION_CODENAME ?? ''}`.trim(),
    mesa: stdout?.split('\n')[0].split('\t')[1] || undefined,
  };
}

const list = (folder: string, pattern: RegExp): string[] => {
  try {
    return readdirSync(folder)
      .filter((name) => pattern.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
};

/** Where the Vulkan loader looks for drivers, short of what XDG variables add. */
const installedDrivers = (): string[] =>
  ['/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/usr/share/vulkan/icd.d'].flatMap((f) => list(f, /\.json$/));

const deviceFiles = (): Facts['devices'] =>
  [...list('/dev', /^nvidia\d+$/), ...list('/dev/dri', /^renderD\d+$/)].map((path) => {
    try {
      accessSync(path, constants.R_OK | constants.W_OK);
      return { path, accessible: true };
    } catch {
      return { path, accessible: false };
    }
  });
