/**
 * Subgroup matrices played by plain WGSL, so that kernels for tensor cores run where there are none: text in, text out.
 *
 * A lane of 32 has what it needs of each 16 x 16 matrix and no more, so that lanes never wait for each other:
 *
 *   left     row lane / 2                           16 numbers
 *   right    columns 8 (lane % 2) .. + 7            16 x 8
 *   result   both: 8 neighbouring numbers of a row  8
 *
 * A lane is told by local_invocation_index, whatever size the driver's own subgroups have. All else of the text stays
 * as it is, but for loops of a constant length in `main`, whose length is hidden: a driver that writes them out takes
 * minutes. What the emulation does not know is an error, so that nothing passes for tested that was not.
 */

const EXTENSIONS =
  /enable (subgroups|chromium_experimental_subgroup_matrix);\n|diagnostic\(off, (chromium\.subgroup_matrix_uniformity|subgroup_uniformity)\);\n/g;
const LOAD =
  /subgroupMatrixLoad<\s*subgroup_matrix_(left|right|result)<(f16|f32), 16, 16>, (row|col)_major>\(\s*&(\w+),/g;
const STORE = /subgroupMatrixStore<(row|col)_major>\(\s*&(\w+),/g;

type Kind = 'left' | 'right' | 'result';
const HELD: Record<Kind, string> = { left: 'EmulatedLeft', right: 'EmulatedRight', result: 'EmulatedResult' };
const BITS: Record<string, number> = { f16: 16, f32: 32, u32: 32 };

/** The text for a GPU without subgroup matrices. Throws an Error where it uses what is not emulated. */
export function emulateMatrix(code: string): string {
  if (!code.includes('enable chromium_experimental_subgroup_matrix;')) {
    if (code.includes('enable subgroups;')) throw new Error('emulated matrices: this text counts on subgroups of 32');
    return code;
  }
  const helpers = new Map<string, string>();
  let text = code
    .replace(EXTENSIONS, '')
    .replace(LOAD, (_, kind: Kind, type: string, major: string, array: string) => {
      const name = `emulated_load_${kind}_${major}_${array}`;
      helpers.set(name, loader(name, kind, type, major === 'row', array, elementOf(code, array)));
      return `${name}(`;
    })
    .replace(STORE, (_, major: string, array: string) => {
      const name = `emulated_store_${major}_${array}`;
      helpers.set(name, storer(name, major === 'row', array, elementOf(code, array)));
      return `${name}(`;
    })
    .replace(/\bsubgroupMatrixMultiplyAccumulate\(/g, 'emulated_multiply(')
    .replace(/\bsubgroup_matrix_(left|right)<f16, 16, 16>/g, (_, kind: Kind) => HELD[kind])
    .replace(/\bsubgroup_matrix_result<f32, 16, 16>/g, HELD.result)
    .replace(/\bsubgroupShuffleXor\(/g, 'emulated_shuffle_xor(');
  const unknown = /\bsubgroup(Matrix|_matrix|_size|_id|_invocation_id|[A-Z])\w*[^;]*/.exec(text);
  if (unknown) throw new Error(`emulated matrices: ${unknown[0]} is not emulated`);

  const [from, to] = bodyOfMain(text);
  const signature = text.slice(text.lastIndexOf('fn main(', from), from);
  const argument = (builtin: string) => {
    const found = new RegExp(`@builtin\\(${builtin}\\)\\s*(\\w+)`).exec(signature);
    if (!found) throw new Error(`emulated matrices: main takes no ${builtin}`);
    return found[1];
  };
  // No grid is 65536 wide, which no compiler knows.
  const zero = `(${argument('workgroup_id')}.x >> 16u)`;
  const body = text.slice(from, to).replace(/(for \(var (\w+) = [^;]+; \2 < [A-Z][A-Z_0-9]*);/g, `$1 + ${zero};`);
  const start = `\n  emulated_lane = ${argument('local_invocation_index')} % 32u;\n  emulated_zero = ${zero};`;
  const shuffles = text.includes('emulated_shuffle_xor(');
  if (shuffles) {
    const threads = /@workgroup_size\((\w+)\)/.exec(text)![1];
    helpers.set('shuffle', shuffle(threads));
  }
  const thread = shuffles ? `\n  emulated_thread = ${argument('local_invocation_index')};` : '';
  text = text.slice(0, from) + start + thread + body + text.slice(to);
  return `${text}\n${COMMON}${[...helpers.values()].join('')}`;
}

const COMMON = `
alias EmulatedLeft = array<vec4<u32>, 2>;
alias EmulatedRight = array<vec4<u32>, 16>;
alias EmulatedResult = array<vec4<f32>, 2>;
var<private> emulated_lane: u32;
var<private> emulated_zero: u32;
fn emulated_multiply(left: EmulatedLeft, right: EmulatedRight, sums: EmulatedResult) -> EmulatedResult {
  var a = left;
  var b = right;
  var c = sums;
  for (var k = 0u; k < 16u + emulated_zero; k++) {
    let x = unpack2x16float(a[k / 8u][k / 2u % 4u])[k % 2u];
    c[0] += x * vec4(unpack2x16float(b[k].x), unpack2x16float(b[k].y));
    c[1] += x * vec4(unpack2x16float(b[k].z), unpack2x16float(b[k].w));
  }
  return c;
}
`;

const shuffle = (threads: string): string => `
var<private> emulated_thread: u32;
var<workgroup> emulated_values: array<f32, ${threads}>;
fn emulated_shuffle_xor(v: f32, mask: u32) -> f32 {
  workgroupBarrier();
  emulated_values[emulated_thread] = v;
  workgroupBarrier();
  return emulated_values[emulated_thread ^ mask];
}
`;

/** First and last character of what is between main's braces. */
function bodyOfMain(text: string): [number, number] {
  const main = text.indexOf('fn main(');
  if (main < 0) throw new Error('emulated matrices: no main');
  const from = text.indexOf('{', main) + 1;
  let to = from;
  for (let depth = 1; depth > 0; to++) depth += text[to] === '{' ? 1 : text[to] === '}' ? -1 : 0;
  return [from, to - 1];
}

interface Element {
  scalar: 'f16' | 'f32' | 'u32';
  width: number;
}

/** What a declared array is made of, aliases followed. */
function elementOf(code: string, array: string): Element {
  const declared = new RegExp(`var<[^>]*>\\s*${array}\\s*:\\s*array<\\s*(\\w+(?:<\\w+>)?)`).exec(code);
  if (!declared) throw new Error(`emulated matrices: ${array} is not an array of this text`);
  let type = declared[1];
  for (;;) {
    const next = type.replace(/\w+/g, (name) => new RegExp(`alias ${name} = ([^;]+);`).exec(code)?.[1] ?? name);
    if (next === type) break;
    type = next;
  }
  const found = /^(?:vec([234])<)?(f16|f32|u32)>?$/.exec(type);
  if (!found) throw new Error(`emulated matrices: ${array} is made of ${type}`);
  return { scalar: found[2] as Element['scalar'], width: Number(found[1] ?? 1) };
}

/** A lane's rows and columns, 8 columns at a time: how often, and where part n begins. */
const PARTS: Record<Kind, { count: number; row: string; column: string }> = {
  left: { count: 2, row: 'emulated_lane / 2u', column: '8u * n' },
  right: { count: 16, row: 'n', column: '8u * (emulated_lane % 2u)' },
  result: { count: 2, row: 'emulated_lane / 2u', column: '8u * (emulated_lane % 2u) + 4u * n' },
};

function loader(name: string, kind: Kind, type: string, row: boolean, array: string, e: Element): string {
  const per = (e.width * BITS[e.scalar]) / BITS[type];
  if (e.scalar !== type && e.scalar !== 'u32') throw new Error(`emulated matrices: ${type} out of ${e.scalar}`);
  const at = (i: string) => (e.width === 1 ? `${array}[${i}]` : `${array}[(${i}) / ${e.width}u][(${i}) % ${e.width}u]`);
  const number = (j: number) => {
    const i = `(i + ${j}u * step)`;
    if (e.scalar === type) return `f32(${at(i)})`;
    return type === 'f32' ? `bitcast<f32>(${at(i)})` : `unpack2x16float(${at(`${i} / 2u`)})[${i} % 2u]`;
  };
  const four = [0, 1, 2, 3];
  const part =
    kind === 'result'
      ? four.map(number)
      : four.map((j) => `pack2x16float(vec2(${number(2 * j)}, ${number(2 * j + 1)}))`);
  const { count, row: r, column: c } = PARTS[kind];
  // A whole vector at once, where one holds what a part is.
  if (row && e.width === 4 && BITS[e.scalar] === 32)
    return `
fn ${name}(offset: u32, stride: u32) -> ${HELD[kind]} {
  var held: ${HELD[kind]};
  for (var n = 0u; n < ${count}u + emulated_zero; n++) {
    held[n] = bitcast<${kind === 'result' ? 'vec4<f32>' : 'vec4<u32>'}>(${array}[offset + (${r}) * stride + (${c}) / ${per}u]);
  }
  return held;
}
`;
  return `
fn ${name}(offset: u32, stride: u32) -> ${HELD[kind]} {
  var held: ${HELD[kind]};
  let step = ${row ? '1u' : `${per}u * stride`};
  for (var n = 0u; n < ${count}u + emulated_zero; n++) {
    let i = (offset + (${row ? r : c}) * stride) * ${per}u + ${row ? c : r};
    held[n] = vec4(${part.join(', ')});
  }
  return held;
}
`;
}

function storer(name: string, row: boolean, array: string, e: Element): string {
  // Two lanes must not write parts of one vector.
  if (e.scalar === 'f16' || (!row && e.width > 1)) throw new Error(`emulated matrices: no such store to ${array}`);
  const value = (j: number) => (e.scalar === 'f32' ? `held[n][${j}]` : `bitcast<u32>(held[n][${j}])`);
  const part = Array.from({ length: 4 / e.width }, (_, i) => {
    const values = Array.from({ length: e.width }, (_, j) => value(i * e.width + j));
    const to = `(i + ${i * e.width}u * step) / ${e.width}u`;
    return `${array}[${to}] = ${e.width === 1 ? values[0] : `vec${e.width}(${values.join(', ')})`};`;
  });
  const { count, row: r, column: c } = PARTS.result;
  return `
fn ${name}(offset: u32, sums: EmulatedResult, stride: u32) {
  var held = sums;
  let step = ${row ? '1u' : 'stride'};
  for (var n = 0u; n < ${count}u + emulated_zero; n++) {
    let i = (offset + (${row ? r : c}) * stride) * ${e.width}u + ${row ? c : r};
    ${part.join('\n    ')}
  }
}
`;
}
