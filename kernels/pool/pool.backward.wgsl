// The gradient of pool.wgsl: every row of dh is written.
//
//   MEAN:  dh[row, c] = dy[s, c] / (end - start)
//   else:  dh[row, c] = dy[s, c] in the last row of a sequence, 0 in the others
//
//   dy      f32 [S, C]
//   starts  u32 [S + 1]   sequence s is rows starts[s] .. starts[s + 1] - 1, at least one
//   dh      f32 [T, C]
//   dim.x   S
//
// One thread a channel of one sequence: neighbouring threads write neighbouring channels of one row.
// Constants: C, MEAN (bool), WG (threads).

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> dh: array<f32>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (wg.x + wg.y * groups.x) * WG + t;
  let s = index / C;
  if (s >= dim.x) { return; }
  let c = index % C;
  let start = starts[s];
  let last = starts[s + 1u] - 1u;
  let d = dy[index];
  let share = select(0.0, d / f32(last + 1u - start), MEAN);
  for (var row = start; row < last; row++) { dh[row * C + c] = share; }
  dh[last * C + c] = select(d, share, MEAN);
}
