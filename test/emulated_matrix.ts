/**
 * Subgroup matrices played by plain WGSL, so that kernels for tensor cores run where there are none: text in, text out.
 *
 * A lane of 32 has what it needs of each 16 x 16 matrix and no more, so that lanes never wait for each other:
 *
 *   left     row lane / 2                           16 numbers
 *   result   columns 8 (lane % 2) .. + 7 of it      8 numbers
 *   right    where those columns are in memory: it must not change between the load and the multiplications
 *
 * The same for i8 x i8 -> i32, 16 x 16 x 32: there left is 32 numbers in two vectors of words.
 *
 * A lane is told by local_invocation_index, whatever size the driver's own subgroups have. All else of the text stays
 * as it is, but for loops of a constant length in `main`, whose length is hidden: a driver that writes them out takes
 * minutes. What the emulation does not know is an error, so that nothing passes for tested that was not.
 */

const EXTENSIONS =
  /enable (subgroups|chromium_experimental_subgroup_matrix);\n|diagnostic\(off, (chromium\.subgroup_matrix_uniformity|subgroup_uniformity)\);\n/g;
const LOAD =
  /subgroupMatrixLoad<\s*subgroup_matrix_(left|right|result)<(f16|f32|i8), (?:16|32), (?:16|32)>, (row|col)_major>\(\s*&(\w+),/g;
const STORE = /subgroupMatrixStore<(row|col)_major>\(\s*&(\w+),/g;

type Kind = 'left' | 'right' | 'result';
const HELD: Record<Kind, string> = { left: 'EmulatedLeft', right: 'EmulatedRight', result: 'EmulatedResult' };
const BITS: Record<string, number> = { f16: 16, f32: 32, u32: 32 };

/** The text for a GPU without subgroup matrices. Throws an Error where it uses what is not emulated. */
export function emulateMatrix(code: string): string {
  if (!code.includes('enable chromium_experimental_subgroup_matrix;') && !code.includes('enable subgroups;'))
    return code;
  const int8 = /\bsubgroup_matrix_result<i32,/.test(code);
  const helpers = new Map<string, string>();
  const rights: string[] = [];
  let text = code
    .replace(EXTENSIONS, '')
    .replace(LOAD, (_, kind: Kind, type: string, major: string, array: string) => {
      const name = `emulated_${kind}_${major}_${array}`;
      if (!helpers.has(name)) {
        const element = elementOf(code, array);
        const row = major === 'row';
        if (int8 !== (type === 'i8')) throw new Error(`emulated matrices: ${type} beside another type`);
        const text = int8
          ? eightBits(name, kind, rights.length, row, array, element)
          : kind === 'right'
            ? right(name, rights.length, row, array, element)
            : held(name, kind, type, row, array, element);
        helpers.set(name, text);
        if (kind === 'right') rights.push(name);
      }
      return `${name}(`;
    })
    .replace(STORE, (_, major: string, array: string) => {
      const name = `emulated_store_${major}_${array}`;
      const element = elementOf(code, array);
      helpers.set(
        name,
        int8 ? storeSums(name, major === 'row', array, element) : storer(name, major === 'row', array, element),
      );
      return `${name}(`;
    })
    .replace(/\bsubgroupMatrixMultiplyAccumulate\(/g, 'emulated_multiply(')
    .replace(
      /\bsubgroup_matrix_(?:(left)<i8, 32, 16>|(right)<i8, 16, 32>|(result)<i32, 16, 16>)/g,
      (_, ...kinds) => HELD[kinds.find((k) => k) as Kind],
    )
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
  const cases = rights.map((name, i) => `    case ${i}u: { return ${name}_multiply(a, b, c); }\n`).join('');
  const multiply = `
fn emulated_multiply(a: EmulatedLeft, b: EmulatedRight, c: EmulatedResult) -> EmulatedResult {
  switch b.which {
${cases}    default: { return c; }
  }
}
`;
  return `${text}\n${int8 ? HELD_I8 : HELD_F16}${COMMON}${[...helpers.values()].join('')}${multiply}`;
}

const HELD_F16 = `
alias EmulatedLeft = mat4x4<f32>;
alias EmulatedResult = mat2x4<f32>;
`;
const HELD_I8 = `
struct EmulatedLeft { a: vec4<u32>, b: vec4<u32> }
struct EmulatedResult { a: vec4<i32>, b: vec4<i32> }
`;
const COMMON = `
struct EmulatedRight { which: u32, offset: u32, stride: u32 }
var<private> emulated_lane: u32;
var<private> emulated_zero: u32;
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

/** The text of number `i` of a `type` in an array. */
function numberOf(type: string, array: string, e: Element): (i: string) => string {
  if (e.scalar !== type && e.scalar !== 'u32') throw new Error(`emulated matrices: ${type} out of ${e.scalar}`);
  const at = (i: string) => (e.width === 1 ? `${array}[${i}]` : `${array}[(${i}) / ${e.width}u][(${i}) % ${e.width}u]`);
  if (e.scalar === type) return (i) => `f32(${at(i)})`;
  if (type === 'f32') return (i) => `bitcast<f32>(${at(i)})`;
  return (i) => `unpack2x16float(${at(`(${i}) / 2u`)})[(${i}) % 2u]`;
}

/** How many numbers of a type an element holds. */
const perElement = (type: string, e: Element): number => (e.width * BITS[e.scalar]) / BITS[type];
/** Whether an element is 16 bytes of whole words, so that rows are read a vector at a time. */
const vectors = (e: Element): boolean => e.width === 4 && BITS[e.scalar] === 32;
/** Two vec4<f32> out of 8 halves. */
const widened = (v: string): string =>
  `vec4(unpack2x16float(${v}.x), unpack2x16float(${v}.y)), vec4(unpack2x16float(${v}.z), unpack2x16float(${v}.w))`;

/** Loads a lane's part of a left or a result matrix. */
function held(name: string, kind: Kind, type: string, row: boolean, array: string, e: Element): string {
  const per = perElement(type, e);
  const column = kind === 'left' ? '0u' : '8u * (emulated_lane % 2u)';
  let numbers: string;
  if (row && vectors(e)) {
    const at = `offset + emulated_lane / 2u * stride + ${column} / ${per}u`;
    numbers =
      type === 'f32'
        ? `bitcast<vec4<f32>>(${array}[${at}]), bitcast<vec4<f32>>(${array}[${at} + 1u])`
        : [0, 1].map((i) => widened(`${array}[${at} + ${i}u]`)).join(', ');
  } else {
    const number = numberOf(type, array, e);
    const four = (j: number) => `vec4(${[0, 1, 2, 3].map((i) => number(`i + ${4 * j + i}u * step`)).join(', ')})`;
    numbers = Array.from({ length: kind === 'left' ? 4 : 2 }, (_, j) => four(j)).join(', ');
  }
  return `
fn ${name}(offset: u32, stride: u32) -> ${HELD[kind]} {
  let step = ${row ? '1u' : `${per}u * stride`};
  let i = (offset + (${row ? 'emulated_lane / 2u' : column}) * stride) * ${per}u + ${row ? column : 'emulated_lane / 2u'};
  return ${HELD[kind]}(${numbers});
}
`;
}

/** Remembers where a right matrix is, and multiplies by it. */
function right(name: string, which: number, row: boolean, array: string, e: Element): string {
  const per = perElement('f16', e);
  const number = numberOf('f16', array, e);
  const column = '8u * (emulated_lane % 2u)';
  let body: string;
  if (row) {
    const eight = vectors(e)
      ? widened(`${array}[b.offset + k * b.stride + ${column} / ${per}u]`)
      : [0, 4].map((j) => `vec4(${[0, 1, 2, 3].map((i) => number(`i + ${i + j}u`)).join(', ')})`).join(', ');
    body = `
  for (var k = 0u; k < 16u + emulated_zero; k++) {
    let i = (b.offset + k * b.stride) * ${per}u + ${column};
    let m = mat2x4<f32>(${eight});
    sums[0] += left[k / 4u][k % 4u] * m[0];
    sums[1] += left[k / 4u][k % 4u] * m[1];
  }`;
  } else {
    const sixteen = vectors(e)
      ? [0, 1].map((i) => widened(`${array}[b.offset + (${column} + n) * b.stride + ${i}u]`)).join(', ')
      : [0, 4, 8, 12].map((j) => `vec4(${[0, 1, 2, 3].map((i) => number(`i + ${i + j}u`)).join(', ')})`).join(', ');
    body = `
  for (var n = 0u; n < 8u + emulated_zero; n++) {
    let i = (b.offset + (${column} + n) * b.stride) * ${per}u;
    let m = mat4x4<f32>(${sixteen});
    sums[n / 4u][n % 4u] += dot(left[0], m[0]) + dot(left[1], m[1]) + dot(left[2], m[2]) + dot(left[3], m[3]);
  }`;
  }
  return `
fn ${name}(offset: u32, stride: u32) -> EmulatedRight { return EmulatedRight(${which}u, offset, stride); }
fn ${name}_multiply(a: EmulatedLeft, b: EmulatedRight, c: EmulatedResult) -> EmulatedResult {
  var left = a;
  var sums = c;${body}
  return sums;
}
`;
}

/** Left and right matrices of i8: rows and columns of 32 bytes in a row, in vectors of words. */
function eightBits(name: string, kind: Kind, which: number, row: boolean, array: string, e: Element): string {
  if (e.scalar !== 'u32' || e.width !== 4 || kind === 'result' || row !== (kind === 'left'))
    throw new Error(`emulated matrices: no such load of i8 from ${array}`);
  if (kind === 'left')
    return `
fn ${name}(offset: u32, stride: u32) -> EmulatedLeft {
  let i = offset + emulated_lane / 2u * stride;
  return EmulatedLeft(${array}[i], ${array}[i + 1u]);
}
`;
  return `
fn ${name}(offset: u32, stride: u32) -> EmulatedRight { return EmulatedRight(${which}u, offset, stride); }
fn ${name}_multiply(a: EmulatedLeft, b: EmulatedRight, c: EmulatedResult) -> EmulatedResult {
  var sums = array(c.a, c.b);
  for (var n = 0u; n < 8u + emulated_zero; n++) {
    let i = b.offset + (8u * (emulated_lane % 2u) + n) * b.stride;
    let p = ${array}[i];
    let q = ${array}[i + 1u];
    sums[n / 4u][n % 4u] += dot4I8Packed(a.a.x, p.x) + dot4I8Packed(a.a.y, p.y) + dot4I8Packed(a.a.z, p.z) + dot4I8Packed(a.a.w, p.w)
      + dot4I8Packed(a.b.x, q.x) + dot4I8Packed(a.b.y, q.y) + dot4I8Packed(a.b.z, q.z) + dot4I8Packed(a.b.w, q.w);
  }
  return EmulatedResult(sums[0], sums[1]);
}
`;
}

/** Stores i32 sums, bits as they are, to vectors of words. */
function storeSums(name: string, row: boolean, array: string, e: Element): string {
  if (e.scalar !== 'u32' || e.width !== 4 || !row)
    throw new Error(`emulated matrices: no such store of i32 to ${array}`);
  return `
fn ${name}(offset: u32, sums: EmulatedResult, stride: u32) {
  let i = offset + emulated_lane / 2u * stride + 2u * (emulated_lane % 2u);
  ${array}[i] = bitcast<vec4<u32>>(sums.a);
  ${array}[i + 1u] = bitcast<vec4<u32>>(sums.b);
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
  const column = '8u * (emulated_lane % 2u) + 4u * n';
  return `
fn ${name}(offset: u32, sums: EmulatedResult, stride: u32) {
  var held = sums;
  let step = ${row ? '1u' : 'stride'};
  for (var n = 0u; n < 2u + emulated_zero; n++) {
    let i = (offset + (${row ? 'emulated_lane / 2u' : column}) * stride) * ${e.width}u + ${row ? column : 'emulated_lane / 2u'};
    ${part.join('\n    ')}
  }
}
`;
}
