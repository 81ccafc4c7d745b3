// x [M, K] of any K. Alias: X (f16 or f32).

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>; // x: rows

/// x[m, k .. k + 3], zero past K. Rows past the last repeat it: what is made of them is not stored.
fn x4(m: u32, k: u32) -> vec4<f32> {
  var v = vec4<f32>();
  let row = min(m, dim.x - 1u) * shape.K;
  for (var i = 0u; i < 4u; i++) {
    if (k + i < shape.K) { v[i] = f32(x[row + k + i]); }
  }
  return v;
}
