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

/**
 * Writes out the loops marked `unroll`, innermost last; the counter becomes a constant, so that indices are: arrays of
 * matrices, and of much else, stay in registers only where every index is known.
 */
export function unroll(text: string, counts: Readonly<Record<string, unknown>>): string {
  const found = /for \(var (\w+) = 0u; \1 < (\w+); \1\+\+\) \{ \/\/ unroll/.exec(text);
  if (!found) return text;
  const [head, counter, name] = found;
  const count = counts[name];
  if (typeof count !== 'number') throw new Error(`unroll: ${name} is not a number`);
  const from = found.index + head.length;
  let end = from;
  for (let depth = 1; depth > 0; end++) depth += text[end] === '{' ? 1 : text[end] === '}' ? -1 : 0;
  const body = unroll(text.slice(from, end - 1), counts);
  const copies = Array.from({ length: count }, (_, i) => `{ const ${counter} = ${i}u;${body}}`);
  return text.slice(0, found.index) + copies.join('\n') + unroll(text.slice(end), counts);
}
