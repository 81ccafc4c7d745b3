// y[i] = x[i]: the rate that no memory-bound kernel can pass.
//
//   x  vec4<u32> [COUNT]
//   y  vec4<u32> [COUNT]
//
// A workgroup of WG threads takes PER runs of WG neighbouring vectors, so that every load of a subgroup is one
// contiguous piece and a thread has PER of them under way.

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<u32>>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * PER + thread;
  for (var i = 0u; i < PER; i++) {
    let at = first + i * WG;
    if (at < COUNT) {
      y[at] = x[at];
    }
  }
}
