/**
 * Makes a WGSL module out of a kernel file and the numbers of one plan.
 *
 * A .wgsl file names the constants and types it needs in its header and declares none of them; `specialise`
 * writes them in front. Text in, text out: nothing but `enable` lines, `alias` lines, `const` lines, then the file.
 */
export type Constant = number | boolean | string;

export interface Specialisation {
  /** WGSL extensions: `enable f16;` and so on. */
  enable?: readonly string[];
  /** `alias name = type;` */
  alias?: Readonly<Record<string, string>>;
  /** Integers become u32, booleans bool, strings are taken as WGSL expressions (see `float`). */
  constants?: Readonly<Record<string, Constant>>;
  /** Further WGSL text that the file calls (other files' functions). */
  include?: readonly string[];
}

/** A WGSL f32 literal. */
export const float = (x: number): string => `f32(${Number.isInteger(x) ? x.toFixed(1) : x})`;

export function specialise(source: string, s: Specialisation): string {
  const lines: string[] = [];
  for (const e of s.enable ?? []) lines.push(`enable ${e};`);
  if (s.enable?.includes('chromium_experimental_subgroup_matrix'))
    lines.push('diagnostic(off, chromium.subgroup_matrix_uniformity);');
  if (s.enable?.includes('subgroups')) lines.push('diagnostic(off, subgroup_uniformity);');
  for (const [name, type] of Object.entries(s.alias ?? {})) lines.push(`alias ${name} = ${type};`);
  for (const [name, value] of Object.entries(s.constants ?? {})) lines.push(`const ${name} = ${literal(name, value)};`);
  return `${lines.join('\n')}\n${[...(s.include ?? []), source].join('\n')}`;
}

function literal(name: string, value: Constant): string {
  if (typeof value !== 'number') return String(value);
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
    throw new Error(`${name}: ${value} is not a u32; use float()`);
  return `${value}u`;
}
