// Dropout's factors for x [M, K], 0 or 1 / (1 - p), made again from their counters: dropout.wgsl made the same in the
// forward pass. Includes philox.wgsl.
//
//   state  (seed's low word, its high word, step, -)

@group(0) @binding(5) var<uniform> state: vec4<u32>;

/// Of x[m, k .. k + 3]; k is a multiple of 4.
fn mask4(m: u32, k: u32) -> vec4<f32> {
  let i = m * shape.K + k;
  var stays: vec4<bool>;
  if (shape.K % 4u == 0u) {
    stays = keep4(state.xy, state.z, shape.SITE, i / 4u, shape.THRESHOLD);
  } else {
    for (var j = 0u; j < 4u; j++) { stays[j] = keep(state.xy, state.z, shape.SITE, i + j, shape.THRESHOLD); }
  }
  return select(vec4(0.0), vec4(shape.GAIN), stays);
}
