// y[m, k] = x[m, perm[k]]
//
//   x      Elem [M, K]
//   perm   u32  [K]
//   y      Elem [M, K]
//   dim.x  M
//
// Act-order int4 weights have their columns sorted by group; gathering x once lets the product read it in order.
// One workgroup a row: the gather stays within a row that the cache holds.
// Constants: K, WG (threads). Alias: Elem.

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read> perm: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<Elem>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let m = wg.x + wg.y * groups.x;
  if (m >= dim.x) { return; }
  for (var k = t; k < K; k += WG) { y[m * K + k] = x[m * K + perm[k]]; }
}
