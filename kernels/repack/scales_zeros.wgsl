// GPTQ's and AWQ's scales f16 [G, N] and qzeros [G, N / 8] -> params u32 [.., G]: (scale, zero) for w = scale (q - zero).
//
//   bad     set to dim.w where a scale is not finite
//   dim     (N, G, first row in params, number of the tensor)
// Constants: AWQ (bool: its column order), ZERO_BIAS (GPTQ version 1 stores zero - 1; 15 means 16, nothing wraps), WG.

@group(0) @binding(0) var<storage, read> scales: array<u32>;
@group(0) @binding(1) var<storage, read> qzeros: array<u32>;
@group(0) @binding(2) var<storage, read_write> params: array<u32>;
@group(0) @binding(3) var<storage, read_write> bad: atomic<u32>;
@group(0) @binding(4) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let id = (wg.x + wg.y * groups.x) * WG + t;
  let N = dim.x;
  if (id >= N * dim.y) { return; }
  let n = id % N;
  let g = id / N;
  let j = n % 8u;
  let nibble = select(j, j / 2u + 4u * (j & 1u), AWQ);
  let zero = ((qzeros[g * (N / 8u) + n / 8u] >> (4u * nibble)) & 0xfu) + ZERO_BIAS;
  let at = g * N + n;
  let scale = (scales[at / 2u] >> (16u * (at & 1u))) & 0xffffu;
  params[(dim.z + n) * dim.y + g] = scale | (pack2x16float(vec2<f32>(f32(zero), 0.0)) << 16u);
  if ((scale & 0x7c00u) == 0x7c00u) { atomicMax(&bad, dim.w); }
}
