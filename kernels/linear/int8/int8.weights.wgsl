// What int4 weights are: w = a q + b, (a, b) of a group of GROUP (a multiple of 8) along k.
//
//   params   u32 [N, GROUPS], or [N, 2 GROUPS] where WIDE
//
// Constants: GROUP, GROUPS, ZERO_POINT (zero16), WIDE (offset32).

@group(0) @binding(1) var<storage, read> params: array<u32>;

/// A nibble or-ed into the bits of 2^23 is 2^23 + q.
fn numbers(q: vec4<u32>) -> vec4<f32> { return bitcast<vec4<f32>>(q | vec4(0x4b000000u)) - 8388608.0; }
/// The four low nibbles of a word.
fn nibbles(word: u32) -> vec4<f32> { return numbers(vec4(word, word >> 4u, word >> 8u, word >> 12u) & vec4(15u)); }

/// (a, b) of group g of row n.
fn group_params(n: u32, g: u32) -> vec2<f32> {
  let i = n * GROUPS + g;
  if (WIDE) { return vec2(bitcast<f32>(params[2u * i]), bitcast<f32>(params[2u * i + 1u])); }
  let p = unpack2x16float(params[i]);
  if (ZERO_POINT) { return vec2(p.x, -p.x * p.y); }
  return p;
}
