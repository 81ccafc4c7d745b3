// x [M, K] read four at a time: K is a multiple of 4.
// Alias: X (f16 or f32).

@group(0) @binding(0) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>; // x: rows

/// x[m, k .. k + 3], zero past K. Rows past the last repeat it: what is made of them is not stored.
fn x4(m: u32, k: u32) -> vec4<f32> {
  if (k >= shape.K) { return vec4<f32>(); }
  return vec4<f32>(x[(min(m, dim.x - 1u) * shape.K + k) / 4u]);
}
