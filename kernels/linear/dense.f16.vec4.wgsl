// W [N, K] f16 read four at a time: K is a multiple of 4. Unpacked from u32, so that it works without shader-f16.

@group(0) @binding(1) var<storage, read> w: array<vec2<u32>>;

/// W[n, k .. k + 3], zero past K.
fn w4(n: u32, k: u32) -> vec4<f32> {
  if (k >= shape.K) { return vec4<f32>(); }
  let v = w[(n * shape.K + k) / 4u];
  return vec4(unpack2x16float(v.x), unpack2x16float(v.y));
}
