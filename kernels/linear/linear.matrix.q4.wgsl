// int4 weights for linear.matrix.wgsl: a thread reads W_VECTORS words of 8 nibbles, all of one group, and stages them as f16.
//
//   w       u32 [N, K / 8], 1, 2 or 4 at a time     q[n, 8 i + j] at bits 4 j of word i
//   params  Param [N, GROUPS]                       what linear.matrix.<meta>.wgsl makes weights of
//
// A nibble or-ed into the low bits of 0x6400 is the half 1024 + q, and into bits 4 to 7 of 0x5400 the half 64 + q: two
// nibbles of a word, 16 bits apart, become two halves with one instruction, exactly.

@group(0) @binding(5) var<storage, read> params: array<Param>;

alias Pair = vec2<f16>;

fn param(row: u32, k: u32) -> Param { return params[row + k / GROUP]; }

/// 8 weights in order. `magic` holds 0x64006400 and 0x54005400.
fn weights(word: u32, p: Affine, magic: vec2<u32>) -> vec4<u32> {
  let w04 = from_1024(bitcast<Pair>((word & 0x000f000fu) | magic.x), p);
  let w15 = from_64(bitcast<Pair>((word & 0x00f000f0u) | magic.y), p);
  let w26 = from_1024(bitcast<Pair>(((word >> 8u) & 0x000f000fu) | magic.x), p);
  let w37 = from_64(bitcast<Pair>(((word >> 8u) & 0x00f000f0u) | magic.y), p);
  return vec4(
    bitcast<u32>(Pair(w04.x, w15.x)), bitcast<u32>(Pair(w26.x, w37.x)),
    bitcast<u32>(Pair(w04.y, w15.y)), bitcast<u32>(Pair(w26.y, w37.y)));
}

fn unpack(to: u32, q: Packed, param: Param, magic: vec2<u32>) {
  let p = affine(param);
  for (var c = 0u; c < W_VECTORS; c++) { // unroll
    stage[to + c] = weights(q[c], p, magic);
  }
}
