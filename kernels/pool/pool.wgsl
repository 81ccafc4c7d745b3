// One vector a sequence, out of the rows start .. end - 1 that are its tokens:
//
//   MEAN:  y[s, c] = mean over the rows of h[row, c]
//   else:  y[s, c] = h[end - 1, c]                      the last token's, which alone has attended to all
//
//   h       f32 [T, C]
//   starts  u32 [S + 1]   sequence s is rows starts[s] .. starts[s + 1] - 1, at least one
//   y       f32 [S, C]
//   dim.x   S
//
// One thread a channel of one sequence: neighbouring threads read neighbouring channels of one row.
// Constants: C, MEAN (bool), WG (threads).

@group(0) @binding(0) var<storage, read> h: array<f32>;
@group(0) @binding(1) var<storage, read> starts: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (wg.x + wg.y * groups.x) * WG + t;
  let s = index / C;
  if (s >= dim.x) { return; }
  let c = index % C;
  let end = starts[s + 1u];
  if (MEAN) {
    let start = starts[s];
    var sum = 0.0;
    for (var row = start; row < end; row++) { sum += h[row * C + c]; }
    y[index] = sum / f32(end - start);
  } else {
    y[index] = h[(end - 1u) * C + c];
  }
}
