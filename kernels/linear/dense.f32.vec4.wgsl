// W [N, K] f32 read four at a time: K is a multiple of 4.

@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;

/// W[n, k .. k + 3], zero past K.
fn w4(n: u32, k: u32) -> vec4<f32> {
  if (k >= shape.K) { return vec4<f32>(); }
  return w[(n * shape.K + k) / 4u];
}
