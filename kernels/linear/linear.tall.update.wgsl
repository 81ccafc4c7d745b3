// The last step of linear.tall.wgsl: the update of adapters, LORA_SCALE · H Bᵀ, summed with x Wᵀ in the same accumulators.
//
//   lora_h   f16 in tiles [M16, H_LD]   d(x) Aᵀ, of every adapter of the layer: adapter g's at columns g RANK .. + RANK
//   lora_b   f32 [N, RANK]              their B below each other; the adapters' rows meet at EDGE_1 and EDGE_2, multiples of BN
//
// B is staged as f16. RANK is a multiple of 16, and at most BK.

@group(0) @binding(H_BINDING) var<storage, read> lora_h: array<vec4<u32>>;
@group(0) @binding(B_BINDING) var<storage, read> lora_b: array<vec4<f32>>;

fn block_of(n1: u32) -> u32 { return u32(n1 >= EDGE_1) + u32(n1 >= EDGE_2); }

fn stage_b(n1: u32, t: u32) {
  for (var u = t; u < BN * (RANK / 8u); u += T) {
    let at = vec2(u / (RANK / 8u), u % (RANK / 8u));
    let i = (n1 + at.x) * (RANK / 4u) + at.y * 2u;
    let pair = mat2x4(LORA_SCALE * lora_b[i], LORA_SCALE * lora_b[i + 1u]);
    stage[at.x * LINE + at.y] = vec4(bitcast<vec2<u32>>(vec4<f16>(pair[0])), bitcast<vec2<u32>>(vec4<f16>(pair[1])));
  }
}
fn load_h(m: u32, n1: u32, s: u32) -> subgroup_matrix_left<f16, 16, 16> {
  let at = m / 16u * (2u * H_LD) + (block_of(n1) * (RANK / 16u) + s) * 32u;
  return subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&lora_h, at, 2u);
}
