// W [N, K] f32 of any K.

@group(0) @binding(1) var<storage, read> w: array<f32>;

/// W[n, k .. k + 3], zero past K.
fn w4(n: u32, k: u32) -> vec4<f32> {
  var v = vec4<f32>();
  for (var i = 0u; i < 4u; i++) {
    if (k + i < shape.K) { v[i] = w[n * shape.K + k + i]; }
  }
  return v;
}
