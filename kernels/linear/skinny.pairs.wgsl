// What linear.skinny.wgsl and linear.held.wgsl make of a few rows' operands.
//
// A word's nibbles i and i + 4 are 16 bits apart: under the exponent of 1024 (or 64) they are two halves, from which
// 1032 (72) takes q - 8, exactly. x comes in the same pairs, each 32 k's of it scaled by a power of two to a largest of
// 128 to 256, so that no sum of 16 products passes 65504. Constant: ZERO_POINT. From skinny.param.*.wgsl: decode.

struct Eight { low: vec4<f32>, high: vec4<f32> }
struct Pairs { a: vec2<f16>, b: vec2<f16>, c: vec2<f16>, d: vec2<f16> }

fn eight(v: vec4<u32>) -> Eight {
  return Eight(vec4(unpack2x16float(v.x), unpack2x16float(v.y)), vec4(unpack2x16float(v.z), unpack2x16float(v.w)));
}
fn largest(v: Eight) -> f32 {
  let m = max(abs(v.low), abs(v.high));
  return max(max(m.x, m.y), max(m.z, m.w));
}
fn paired(v: Eight, scale: f32) -> vec4<u32> {
  let a = v.low * scale;
  let b = v.high * scale;
  return vec4(pack2x16float(vec2(a.x, b.x)), pack2x16float(vec2(a.y, b.y)),
    pack2x16float(vec2(a.z, b.z)), pack2x16float(vec2(a.w, b.w)));
}
/// 32 k's of x as four words' pairs, their sum, and what the scaled x is multiplied by.
struct Chunk { words: array<vec4<u32>, 4>, about: vec2<f32> }
fn chunk(x0: vec4<u32>, x1: vec4<u32>, x2: vec4<u32>, x3: vec4<u32>) -> Chunk {
  let v0 = eight(x0);
  let v1 = eight(x1);
  let v2 = eight(x2);
  let v3 = eight(x3);
  // Exponent of the largest, as f32 has it; the smallest f16 has 103.
  let e = max(bitcast<u32>(max(max(largest(v0), largest(v1)), max(largest(v2), largest(v3)))) >> 23u, 103u);
  let down = bitcast<f32>((261u - e) << 23u);
  let sum = v0.low + v0.high + v1.low + v1.high + v2.low + v2.high + v3.low + v3.high;
  return Chunk(array(paired(v0, down), paired(v1, down), paired(v2, down), paired(v3, down)),
    vec2(dot(sum, vec4(1.0)), bitcast<f32>((e - 7u) << 23u)));
}

fn pairs(w: u32) -> Pairs {
  let v = w >> 8u;
  return Pairs(
    bitcast<vec2<f16>>((w & 0x000f000fu) | 0x64006400u) - 1032.0h, bitcast<vec2<f16>>((w & 0x00f000f0u) | 0x54005400u) - 72.0h,
    bitcast<vec2<f16>>((v & 0x000f000fu) | 0x64006400u) - 1032.0h, bitcast<vec2<f16>>((v & 0x00f000f0u) | 0x54005400u) - 72.0h);
}
fn add(sum: vec2<f16>, q: Pairs, v: vec4<u32>) -> vec2<f16> {
  return fma(q.d, bitcast<vec2<f16>>(v.w), fma(q.c, bitcast<vec2<f16>>(v.z),
    fma(q.b, bitcast<vec2<f16>>(v.y), fma(q.a, bitcast<vec2<f16>>(v.x), sum))));
}
/// (a, b + 8 a)
fn numbers(p: Param) -> vec2<f32> {
  let ab = decode(p);
  if (ZERO_POINT) { return vec2(ab.x, ab.x * (8.0 - ab.y)); }
  return vec2(ab.x, fma(8.0, ab.x, ab.y));
}
