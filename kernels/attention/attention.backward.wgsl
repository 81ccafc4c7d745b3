// What both backward kernels of attention share (Dao 2023, "FlashAttention-2", algorithm 2): a workgroup owns ROWS
// rows, queries or keys, and streams the others past them, KEYS at a time, recomputing every weight:
//
//   p = exp2(s - lse),   s = SCALE q . k               ds = p (dp - D),   dp = dy . v,   D = dy . y
//
//   qkv    Elem [T, (H + 2 KV) D]   q heads, k heads, v heads
//   dy     Elem [T, H D]
//   dqkv   Elem [T, (H + 2 KV) D]
//   along  f32  [T, H]              D: made by attention.queries.wgsl, read by attention.keys.wgsl
//   tiles  u32  [n, 4]              (first row, one past the last, sequence's first row, sequence)
//   dim.x  n
//   lse    f32  [T, H]              the forward pass's
//
// A thread has one owned row and D / PARTS of its channels in registers; threads of one part are neighbours, so a
// staged vector is read once for all of them. Shares of a dot product meet in workgroup memory.
// Constants: H, KV, D4 (D / 4), ROWS, PARTS, KEYS, SCALE (log2(e) / sqrt(D)), INVERSE_ROOT (1 / sqrt(D)), ROLLED: hide from
// the compiler how often loops turn, for a software driver's takes seconds to unroll them. Alias: Vec (vec4 of Elem).

@group(0) @binding(0) var<storage, read> qkv: array<Vec>;
@group(0) @binding(1) var<storage, read> dy: array<Vec>;
@group(0) @binding(2) var<storage, read_write> dqkv: array<Vec>;
@group(0) @binding(4) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(5) var<uniform> dim: vec4<u32>;
@group(0) @binding(6) var<storage, read> lse: array<f32>;

const WG = ROWS * PARTS;
const SLICE = D4 / PARTS;
const WIDTH = (H + 2u * KV) * D4;
const BLOCK = KEYS * ROWS;

alias Slice = array<vec4<f32>, SLICE>;

// KEYS streamed rows of two kinds.
var<workgroup> staged: array<vec4<f32>, 2u * KEYS * D4>;
// [kind][part][streamed row][owned row]: shares of s and dp; the first part's become p and ds.
var<workgroup> shares: array<f32, 2u * PARTS * BLOCK>;

/// This thread's share of the dot product of `a` and a staged row.
fn share(a: ptr<function, Slice>, at: u32) -> f32 {
  var sum = 0.0;
  for (var j = 0u; j < SLICE; j++) { sum += dot((*a)[j], staged[at + j]); }
  return sum;
}

/// (s, dp) of pair i, all parts together.
fn pair(i: u32) -> vec2<f32> {
  var sum = vec2<f32>();
  for (var p = 0u; p < PARTS; p++) { sum += vec2(shares[p * BLOCK + i], shares[(PARTS + p) * BLOCK + i]); }
  return sum;
}
