// What both backward kernels of attention share on subgroup matrices (tensor cores): f16 x f16 -> f32, 16 x 16 x 16,
// sums in f32. Formulas and layouts are attention.backward.wgsl's; qkv, dy, y and dqkv are f16, read 8 at a time.
//
// A workgroup owns ROWS rows, queries or keys, whose two vectors are left matrices in registers, and streams KEYS = 16 KK
// of the others at a time. A subgroup multiplies 16 FM rows by 16 of the streamed ones, and 16 FM rows of weights by
// D / KK channels: four of them, two by two, for ROWS = 32 FM, or one alone, for short texts, as in the forward pass.
// The next streamed rows are read while these are used.
//
// A matrix has no element access: scores go through workgroup memory as f32, PARTS neighbouring threads a row make p of
// them and keep it; then dp goes the same way, through the same memory; then ds and p come back as f16, each 16 columns
// of a row where their f32 were: ds in the first two vectors, p in the next two.
//
// Rows in workgroup memory are padded to an odd number of vectors against bank conflicts. At most 23 KiB, so that an
// H200 runs two workgroups a processor: FM is 2 up to 64 channels and 1 beyond, where registers would not do either.
// Loops marked `unroll` are written out. Constants: H, KV, D, SCALE (log2(e) / sqrt(D)), INVERSE_ROOT (1 / sqrt(D)),
// ROWS, KEYS, FM, KD (matrices of 16 channels), FD (in a subgroup's share of them), KK (of 16 streamed rows), OWN and LOADS
// (vectors a thread moves of owned and of streamed rows), QUADS (of four scores that a thread has), ROLES (1; 2 in
// keys.long.wgsl, which says what for).

@group(0) @binding(0) var<storage, read> qkv: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> dqkv: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(5) var<uniform> dim: vec4<u32>;
@group(0) @binding(6) var<storage, read> lse: array<f32>;

const T = ROLES * 2u * ROWS * KK / FM;
const D8 = D / 8u;
const WIDTH = (H + 2u * KV) * D8;
const LINE = D8 + 1u;          // vectors in a row of q, k, v or dy,
const S_LINE = KEYS / 4u + 1u; // of scores
const A_AT = 0u;
const B_AT = KEYS * LINE;
const S_AT = 2u * KEYS * LINE;
const PARTS = T / ROWS;        // threads a row
const OWN_ROWS = 32u / PARTS;  // rows whose weights a subgroup makes
const ACROSS = 2u * KK;        // vectors of 8 results in a row of the scores' memory
const OWN_GROUPS = QUADS % 4u == 0u; // a thread's f16 go where none but its own f32 were

var<workgroup> memory: array<vec4<u32>, max(S_AT + ROLES * ROWS * S_LINE, ROWS * LINE)>;

fn dot8(a: vec4<u32>, b: vec4<u32>) -> f32 {
  return dot(vec4<f32>(bitcast<vec4<f16>>(a.xy)), vec4<f32>(bitcast<vec4<f16>>(b.xy)))
    + dot(vec4<f32>(bitcast<vec4<f16>>(a.zw)), vec4<f32>(bitcast<vec4<f16>>(b.zw)));
}
/// Where quad i of a thread's scores is, and where its f16 go.
fn score(row: u32, part: u32, i: u32) -> u32 { return S_AT + row * S_LINE + part * QUADS + i; }
fn weight(row: u32, part: u32, i: u32) -> u32 {
  let column = (part * QUADS + i) * 4u;
  return S_AT + row * S_LINE + column / 16u * 4u + column % 16u / 8u;
}
fn halves(a: vec4<f32>, b: vec4<f32>) -> vec4<u32> {
  return vec4(bitcast<vec2<u32>>(vec4<f16>(a)), bitcast<vec2<u32>>(vec4<f16>(b)));
}
/// 8 results out of the scores' memory: of matrix j of each subgroup's channels.
fn finished(i: u32, scale: f32) -> vec4<u32> {
  let at = S_AT + i / ACROSS * S_LINE + i % ACROSS * 2u;
  return halves(bitcast<vec4<f32>>(memory[at]) * scale, bitcast<vec4<f32>>(memory[at + 1u]) * scale);
}
fn channel(i: u32, j: u32) -> u32 { return i % ACROSS / 2u * (D8 / KK) + j * 2u + i % 2u; }
