// Dropout's factors for x [M, K], K a multiple of 4: 0 or 1 / (1 - p), made again from their counters: dropout.wgsl made
// the same in the forward pass. Includes pcg4d.wgsl.
//
//   state  (seed's low word, its high word, step, -)

@group(0) @binding(5) var<uniform> state: vec4<u32>;

/// Of x[m, k .. k + 3]; k is a multiple of 4.
fn mask4(m: u32, k: u32) -> vec4<f32> {
  let stays = keep4(state.xy, state.z, shape.SITE, (m * shape.K + k) / 4u, shape.THRESHOLD);
  return select(vec4(0.0), vec4(shape.GAIN), stays);
}
