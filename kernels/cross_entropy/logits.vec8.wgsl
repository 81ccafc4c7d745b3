// Eight f16 logits a read, 16 bytes, widened as they are used: 8 divides V. Alias: Read (vec4<u32>).

const WIDTH = 8u;

fn low(v: Read) -> vec4<f32> { return vec4(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn high(v: Read) -> vec4<f32> { return vec4(unpack2x16float(v.z), unpack2x16float(v.w)); }

fn largest(v: Read) -> f32 {
  let m = max(low(v), high(v));
  return max(max(m.x, m.y), max(m.z, m.w));
}
/// Σ exp(v - top)
fn total(v: Read, top: f32) -> f32 { return dot(exp(low(v) - top) + exp(high(v) - top), vec4(1.0)); }
fn at(v: Read, i: u32) -> f32 { return unpack2x16float(v[i / 2u])[i % 2u]; }

fn one(own: u32) -> vec4<f32> { return select(vec4(0.0), vec4(1.0), vec4(own) == vec4(0u, 1u, 2u, 3u)); }
/// gain (exp(v - lse) - one), one at place `own` where that is below 8.
fn gradient(v: Read, lse: f32, gain: f32, own: u32) -> Read {
  let a = gain * (exp(low(v) - lse) - one(own));
  let b = gain * (exp(high(v) - lse) - one(own - 4u));
  return vec4(pack2x16float(a.xy), pack2x16float(a.zw), pack2x16float(b.xy), pack2x16float(b.zw));
}
