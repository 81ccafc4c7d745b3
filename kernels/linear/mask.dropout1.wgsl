// Dropout's factors as in mask.dropout.wgsl, for x [M, K] of any K.

@group(0) @binding(5) var<uniform> state: vec4<u32>;

/// Of x[m, k .. k + 3]; k is a multiple of 4.
fn mask4(m: u32, k: u32) -> vec4<f32> {
  var stays: vec4<bool>;
  for (var j = 0u; j < 4u; j++) {
    stays[j] = keep(state.xy, state.z, shape.SITE, m * shape.K + k + j, shape.THRESHOLD);
  }
  return select(vec4(0.0), vec4(shape.GAIN), stays);
}
