// y[TO + m, c] = x[FROM + m, c], m < M, in y's type
//
//   x  X [.., C]   f16 or f32
//   y  Y [.., C]   f16 or f32: a f32 that f16 cannot hold becomes infinity, which the finite check of training sees
//   dim.x, .y, .z  M, FROM, TO
//
// What training keeps (a layer's input), what products read as f16 (gradients, masters), and rows that move between a
// chunk and its batch. Bound by memory. Constants: VECTORS (X in a row: C / 4 where 4 divides C, else C), WG (threads).
// Alias: X, Y: vec4 of their types where 4 divides C.

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read_write> y: array<Y>;
@group(0) @binding(2) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = (wg.x + wg.y * groups.x) * WG + t;
  if (i < dim.x * VECTORS) { y[dim.z * VECTORS + i] = Y(x[dim.y * VECTORS + i]); }
}
