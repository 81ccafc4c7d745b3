// W [N, K] f16 of any K. Unpacked from u32, so that it works without shader-f16.

@group(0) @binding(1) var<storage, read> w: array<u32>;

/// W[n, k .. k + 3], zero past K.
fn w4(n: u32, k: u32) -> vec4<f32> {
  var v = vec4<f32>();
  for (var i = 0u; i < 4u; i++) {
    let at = n * shape.K + k + i;
    if (k + i < shape.K) { v[i] = unpack2x16float(w[at / 2u])[at % 2u]; }
  }
  return v;
}
