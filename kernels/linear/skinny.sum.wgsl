// Adds the parts of linear.skinny.matrix.wgsl up, always in the same order, and writes them through y.scalar.wgsl.
//
//   parts   f32 [parts.x = SPLITS, parts.y = M, N]      dim.x   rows
//
// One thread an output. Constants: WG.

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<uniform> count: vec4<u32>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = (wg.x + wg.y * groups.x) * WG + t;
  if (i >= dim.x * shape.N) { return; }
  var sum = 0.0;
  for (var s = 0u; s < count.x; s++) { sum += parts[s * (count.y * shape.N) + i]; }
  put(i / shape.N, i % shape.N, sum);
}
