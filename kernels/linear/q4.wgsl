// The int4 layout of weights.ts: w[n, k] = a q + b, a and b of the group that k is in.
//
//   words    u32 [N, WORDS]            q[n, 8 i + j] at bits 4 j of word i; WORDS = ceil(K / 8)
//   params   u32 [N, GROUPS]           offset16: f16 a, f16 b.   zero16: f16 a, f16 z, and b = -a z, exact in f32
//            u32 [N, 2 GROUPS]         offset32: f32 a, f32 b
//
// Constants: ZERO_POINT (zero16), WIDE (offset32).
// The form that includes this binds the words, since it knows how wide it reads them.

@group(0) @binding(6) var<storage, read> params: array<u32>;

/// (a, b) of group g of row n.
fn group_params(n: u32, g: u32) -> vec2<f32> {
  let i = n * shape.GROUPS + g;
  if (WIDE) { return vec2(bitcast<f32>(params[2u * i]), bitcast<f32>(params[2u * i + 1u])); }
  let p = unpack2x16float(params[i]);
  if (ZERO_POINT) { return vec2(p.x, -p.x * p.y); }
  return p;
}
