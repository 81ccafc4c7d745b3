// Four logits a read: 4 divides V. Alias: Read (vec4 of f32 or f16).

const WIDTH = 4u;

fn largest(v: Read) -> f32 { return f32(max(max(v.x, v.y), max(v.z, v.w))); }
/// Σ exp(v - top)
fn total(v: Read, top: f32) -> f32 { return dot(exp(vec4<f32>(v) - top), vec4(1.0)); }
fn at(v: Read, i: u32) -> f32 { return f32(v[i]); }

/// gain (exp(v - lse) - one), one at place `own` where that is below 4.
fn gradient(v: Read, lse: f32, gain: f32, own: u32) -> Read {
  let one = select(vec4(0.0), vec4(1.0), vec4(own) == vec4(0u, 1u, 2u, 3u));
  return Read(gain * (exp(vec4<f32>(v) - lse) - one));
}
