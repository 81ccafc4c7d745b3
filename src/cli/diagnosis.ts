/** What `lacuna doctor` makes of the facts it gathered: the report as text, and advice on what is missing. Pure. */
import type { AdapterDescription, Tier } from '../gpu/adapter.ts';
import type { CopyRate, MatmulRate } from '../infer/measure.ts';

export interface AdapterFacts extends AdapterDescription {
  /** The tier in use, and the highest this adapter has. */
  tier: Tier;
  best: Tier;
  /** LACUNA_TIER, where it is set. */
  forced?: Tier;
  /** All of the adapter's. */
  features: string[];
  limits: Record<string, number>;
  /** Sizes a subgroup may have. */
  subgroups?: { min: number; max: number };
  /** Subgroup-matrix shapes, e.g. "f16 -> f32 16x16x16". */
  matrices: string[];
}

/** The form in which one family of kernels runs here. */
export interface KernelForm {
  family: string;
  /** What follows the family's name in the dispatch's label: "matrix", "lanes", …; "plain" where nothing does. */
  form: string;
  /** Tokens a call has. */
  tokens: number;
}

/** Last words of labels that name a form; a kernel with one form has none. */
const FORMS = ['matrix', 'subgroup', 'vector', 'lanes', 'tile'];

/** "linear q4 tile" is the family linear q4 in its form tile. */
export function kernelForm(label: string, tokens: number): KernelForm {
  const words = label.split(' ');
  const form = words.length > 1 && FORMS.includes(words.at(-1)!) ? words.pop()! : 'plain';
  return { family: words.join(' '), form, tokens };
}

export interface Facts {
  lacuna: string;
  runtime: { name: string; version: string; webgpu: string };
  system: {
    name: string;
    architecture: string;
    /** `ID VERSION_CODENAME` of /etc/os-release, e.g. "debian bookworm". */
    release?: string;
    /** Version of the package mesa-vulkan-drivers. */
    mesa?: string;
  };
  /** Device files of GPUs. */
  devices: { path: string; accessible: boolean }[];
  /** Vulkan driver manifests in the places where loaders look, or in VK_DRIVER_FILES. */
  drivers: { path: string; exists: boolean }[];
  /** VK_DRIVER_FILES or VK_ICD_FILENAMES, whichever is set. */
  driversFrom?: string;
  adapter?: AdapterFacts;
  /** Why no adapter works, in one line. */
  problem?: string;
  kernels: KernelForm[];
  copy?: CopyRate;
  matmul?: MatmulRate;
}

const MESA_DAWN_TAKES = 23;

/** What to do about what is missing, the most telling first. Empty where nothing is. */
export function advice(f: Facts): string[] {
  const a = f.adapter;
  const hardware = a !== undefined && !a.software;
  const out: string[] = [];

  if (!a) out.push(...withoutAdapter(f));
  if (!hardware) out.push(...hiddenHardware(f));

  if (a && hardware && a.best !== 'matrix') {
    const nvidia = isNvidia(a);
    const f16 = a.features.includes('shader-f16');
    if (nvidia && !f16)
      out.push(
        a.runtime === 'browser'
          ? 'no shader-f16: start Chrome with --enable-dawn-features=vulkan_enable_f16_on_nvidia,use_vulkan_memory_model --enable-unsafe-webgpu'
          : 'no shader-f16, although lacuna sets the Dawn toggles that NVIDIA needs (allow_unsafe_apis, vulkan_enable_f16_on_nvidia, use_vulkan_memory_model): update the NVIDIA driver',
      );
    else if (!f16) out.push('no shader-f16, so kernels run in the portable tier: update the GPU’s driver');
    else if (nvidia && a.runtime === 'dawn')
      out.push(
        'no subgroup matrices f16 -> f32 at 16x16x16, so the tensor cores stay idle: they need a Turing GPU or newer, and a driver with VK_KHR_cooperative_matrix',
      );
  }
  if (a?.runtime === 'deno')
    out.push(
      'Deno’s WebGPU has no subgroups, so kernels run in the portable tier: with Node.js (npx lacuna …) they run faster',
    );
  if (a?.forced && a.tier !== a.best)
    out.push(`LACUNA_TIER=${a.forced} holds the kernels below ${a.best}, the best here: unset it`);
  return out;
}

const isNvidia = (a: AdapterFacts): boolean => /nvidia/i.test(`${a.vendor} ${a.device} ${a.description}`);

function withoutAdapter(f: Facts): string[] {
  const missing = f.drivers.filter((d) => !d.exists);
  if (f.driversFrom && missing.length)
    return [`${f.driversFrom} names ${missing.map((d) => d.path).join(', ')}, which is not there: unset it`];
  const mesa = Number.parseInt(f.system.mesa ?? '', 10);
  if (mesa < MESA_DAWN_TAKES) {
    const debian12 = f.system.release === 'debian bookworm';
    return [
      `Mesa ${f.system.mesa} is too old for Dawn: ${debian12 ? 'Debian 12 has a newer mesa-vulkan-drivers in bookworm-backports, and `make setup` installs it' : `install mesa-vulkan-drivers ${MESA_DAWN_TAKES} or newer`}`,
    ];
  }
  return [
    f.drivers.some((d) => d.exists)
      ? 'drivers are installed and none answers: `make setup` adds a software driver, which always does'
      : 'no Vulkan driver is installed: `make setup` installs a software driver (mesa-vulkan-drivers, libvulkan1)',
  ];
}

/** A GPU that the system shows and Vulkan does not. */
function hiddenHardware(f: Facts): string[] {
  const nvidia = f.devices.find((d) => d.path.startsWith('/dev/nvidia'));
  if (nvidia)
    return [
      `${nvidia.path} is here, but its driver’s Vulkan part is not: install the NVIDIA driver with its graphics libraries (libGLX_nvidia, nvidia_icd.json); in a container, start it with NVIDIA_DRIVER_CAPABILITIES=all, or with graphics,compute,utility`,
    ];
  const dri = f.devices.find((d) => d.path.startsWith('/dev/dri'));
  if (!dri) return [];
  if (!dri.accessible)
    return [`${dri.path} is here, but you may not use it: add yourself to its group (render), then log in again`];
  return [
    `${dri.path} is here, but no Vulkan driver answers for it: install the GPU’s driver (mesa-vulkan-drivers for AMD and Intel); a virtual display has none`,
  ];
}

/** One line: the adapter, and the tier in use. */
export const adapterLine = (a: AdapterDescription, tier: Tier): string =>
  `${a.description || a.device}${a.software ? ' (software, on the CPU)' : ''}, tier ${tier}`;

/** One line: what runs, on what, in which tier. */
export function brief(f: Facts): string {
  if (!f.adapter) return `no adapter: ${f.problem}`;
  return `${adapterLine(f.adapter, f.adapter.tier)}, ${f.runtime.name} ${f.runtime.version}, ${f.runtime.webgpu}`;
}

/** The whole report. */
export function report(f: Facts): string {
  const rows: [string, string][] = [
    ['lacuna', f.lacuna],
    ['runtime', `${f.runtime.name} ${f.runtime.version}, ${f.runtime.webgpu}`],
    ['system', `${f.system.name}, ${f.system.architecture}`],
  ];
  const a = f.adapter;
  if (a) {
    const has = (name: string) => (a.features.includes(name) ? 'yes' : 'no');
    const sizes =
      a.subgroups &&
      (a.subgroups.min === a.subgroups.max ? a.subgroups.min : `${a.subgroups.min} to ${a.subgroups.max}`);
    rows.push(
      ['adapter', `${adapterName(a)}${a.software ? ' (software: runs on the CPU)' : ''}`],
      ['driver', a.description],
      ['tier', a.tier === a.best ? `${a.tier}, the best here` : `${a.tier}; the best here is ${a.best}`],
      [
        'features',
        [
          `shader-f16 ${has('shader-f16')}`,
          `subgroups ${has('subgroups')}${has('subgroups') === 'yes' && sizes ? ` (of ${sizes})` : ''}`,
          `subgroup matrices ${a.matrices.join(', ') || 'no'}`,
          `timestamp-query ${has('timestamp-query')}`,
        ].join('; '),
      ],
      [
        'limits',
        [
          `binding ${binary(a.limits.maxStorageBufferBindingSize)}`,
          `buffer ${binary(a.limits.maxBufferSize)}`,
          `workgroup memory ${binary(a.limits.maxComputeWorkgroupStorageSize)}`,
          `${a.limits.maxComputeInvocationsPerWorkgroup} invocations`,
          `${a.limits.maxStorageBuffersPerShaderStage} storage buffers`,
        ].join('; '),
      ],
    );
    for (const [i, line] of kernelTable(f.kernels).entries()) rows.push([i ? '' : 'kernels', line]);
  } else rows.push(['adapter', 'none']);
  if (f.copy) rows.push(['copy', `${decimal(f.copy.bytes)}B/s, read and written${byHost(f.copy.clock)}`]);
  if (f.matmul) {
    const { M, N, K, flops, kernel, clock } = f.matmul;
    rows.push(['matmul', `${decimal(flops)}FLOP/s, int4, ${M} x ${N} x ${K}, ${kernel}${byHost(clock)}`]);
  }
  for (const [i, line] of advice(f).entries()) rows.push([i ? '' : 'advice', line]);
  return rows.map(([name, value]) => `${name.padEnd(10)}${value}\n`).join('');
}

/** wgpu gives numbers for vendor and device, and the name as the description. */
const adapterName = (a: AdapterFacts): string => (/^\d*$/.test(a.device) ? a.description : `${a.vendor} ${a.device}`);

const byHost = (clock: 'gpu' | 'host'): string => (clock === 'host' ? ', by the host’s clock' : '');

/** One line a family: its form with many tokens, and with one where that differs. */
export function kernelTable(kernels: readonly KernelForm[]): string[] {
  const families = [...new Set(kernels.map((k) => k.family))];
  const width = Math.max(...families.map((f) => f.length)) + 2;
  return families.map((family) => {
    const byForm = new Map<string, Set<number>>();
    for (const k of kernels.filter((k) => k.family === family))
      byForm.set(k.form, (byForm.get(k.form) ?? new Set()).add(k.tokens));
    const forms = [...byForm];
    const text =
      forms.length === 1
        ? forms[0][0]
        : forms.map(([form, tokens]) => `${form} (${[...tokens].map(countTokens).join(', ')})`).join(', ');
    return `${family.padEnd(width)}${text}`;
  });
}

const countTokens = (n: number): string => (n === 1 ? '1 token' : `${n} tokens`);

/** 1.23 G, to three digits. */
export function decimal(x: number): string {
  const units = ['', 'k', 'M', 'G', 'T', 'P'];
  const exponent = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log10(x) / 3)));
  return `${Number((x / 10 ** (3 * exponent)).toPrecision(3))} ${units[exponent]}`;
}

/** 128 MiB; a limit just under a power of two (2 GiB - 4) reads as that. */
export function binary(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const exponent = Math.max(0, Math.min(units.length - 1, Math.floor(Math.log2(bytes + 4) / 10)));
  return `${Number((bytes / 2 ** (10 * exponent)).toPrecision(3))} ${units[exponent]}`;
}
