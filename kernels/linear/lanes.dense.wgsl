// Weights of four dense rows for linear.lanes.wgsl: no scales, so all of K is one group.

fn scales(n: vec4<u32>, g: u32) -> mat2x4<f32> { return mat2x4<f32>(); }

/// W[n, k .. k + 7], each for four n.
fn weights(n: vec4<u32>, k: u32, p: mat2x4<f32>) -> array<vec4<f32>, 8> {
  let low = transpose(mat4x4(w4(n.x, k), w4(n.y, k), w4(n.z, k), w4(n.w, k)));
  let high = transpose(mat4x4(w4(n.x, k + 4u), w4(n.y, k + 4u), w4(n.z, k + 4u), w4(n.w, k + 4u)));
  return array(low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3]);
}
