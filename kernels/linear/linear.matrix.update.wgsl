// The last step of linear.matrix.wgsl: the update of adapters, LORA_SCALE · H Bᵀ, summed with x Wᵀ in the same accumulators.
//
//   lora_h   f32 [M, H_LD]   d(x) Aᵀ, of every adapter of the layer: adapter g's at columns g RANK .. + RANK
//   lora_b   f32 [N, RANK]   their B below each other; the adapters' rows meet at EDGE_1 and EDGE_2, multiples of BN
//
// Staged as f16 like the operands. RANK is a multiple of 16, and at most BK.

@group(0) @binding(H_BINDING) var<storage, read> lora_h: array<vec4<f32>>;
@group(0) @binding(B_BINDING) var<storage, read> lora_b: array<vec4<f32>>;

fn update_halves(a: vec4<f32>, b: vec4<f32>) -> vec4<u32> {
  return vec4(bitcast<vec2<u32>>(vec4<f16>(a)), bitcast<vec2<u32>>(vec4<f16>(b)));
}

fn stage_update(m1: u32, n1: u32, t: u32) {
  let block = u32(n1 >= EDGE_1) + u32(n1 >= EDGE_2);
  for (var u = t; u < BM * (RANK / 8u); u += T) {
    let at = vec2(u / (RANK / 8u), u % (RANK / 8u));
    let i = (m1 + at.x) * (H_LD / 4u) + block * (RANK / 4u) + at.y * 2u;
    stage[at.x * LINE + at.y] = update_halves(lora_h[i], lora_h[i + 1u]);
  }
  for (var u = t; u < BN * (RANK / 8u); u += T) {
    let at = vec2(u / (RANK / 8u), u % (RANK / 8u));
    let i = (n1 + at.x) * (RANK / 4u) + at.y * 2u;
    stage[(BM + at.x) * LINE + at.y] = update_halves(LORA_SCALE * lora_b[i], LORA_SCALE * lora_b[i + 1u]);
  }
}
