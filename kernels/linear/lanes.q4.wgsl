// Weights of four int4 rows for linear.lanes.wgsl. Past K the nibbles are padding, and x is zero there.
// Constants: q4.wgsl's.

@group(0) @binding(1) var<storage, read> words: array<u32>;

fn scales(n: vec4<u32>, g: u32) -> mat2x4<f32> {
  return transpose(mat4x2(group_params(n.x, g), group_params(n.y, g), group_params(n.z, g), group_params(n.w, g)));
}

/// W[n, k .. k + 7], each for four n.
fn weights(n: vec4<u32>, k: u32, p: mat2x4<f32>) -> array<vec4<f32>, 8> {
  let at = n * shape.WORDS + k / 8u;
  let q = vec4(words[at.x], words[at.y], words[at.z], words[at.w]);
  var w: array<vec4<f32>, 8>;
  for (var j = 0u; j < 8u; j++) { w[j] = fma(p[0], vec4<f32>((q >> vec4(4u * j)) & vec4(15u)), p[1]); }
  return w;
}
