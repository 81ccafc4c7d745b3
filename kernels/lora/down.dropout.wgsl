// Dropout's mask for down.wgsl, on eight halves: those of mask.dropout.wgsl, bit for bit, but for the factor 1 / (1 - p), which
// is left to the sums. Includes pcg4d.wgsl.
//
//   state  (seed's low word, its high word, step, -)

@group(0) @binding(7) var<uniform> state: vec4<u32>;

/// x[m, k .. k + 7] with 0 for what is dropped; k is a multiple of 8.
fn kept(m: u32, k: u32, halves: vec4<u32>) -> vec4<u32> {
  let block = (m * K + k) / 4u;
  let a = keep4(state.xy, state.z, shape.SITE, block, shape.THRESHOLD);
  let b = keep4(state.xy, state.z, shape.SITE, block + 1u, shape.THRESHOLD);
  let low = select(vec4(0u), vec4(0xffffu), vec4(a.xz, b.xz));
  return halves & (low | select(vec4(0u), vec4(0xffff0000u), vec4(a.yw, b.yw)));
}
