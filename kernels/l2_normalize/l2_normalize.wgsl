// y[s, :] = x[s, :] / max(|x[s, :]|, 1e-12)             (torch.nn.functional.normalize's default)
//
//   x      f32 [S, C]   entries whose squares f32 can hold: 1e-19 to 1e19 in size
//   y      f32 [S, C]
//   dim.x  S
//
// One workgroup a row, read twice, the second time from cache; 1 KiB of workgroup memory for any C.
// Constants: C, WG (threads, a power of two).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> dim: vec4<u32>;

var<workgroup> partial: array<f32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let s = wg.x + wg.y * groups.x;
  if (s >= dim.x) { return; }
  let row = s * C;

  var sum = 0.0;
  for (var c = t; c < C; c += WG) { sum += x[row + c] * x[row + c]; }
  partial[t] = sum;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if (t < half) { partial[t] += partial[t + half]; }
    workgroupBarrier();
  }

  let norm = max(sqrt(partial[0]), 1e-12);
  for (var c = t; c < C; c += WG) { y[row + c] = x[row + c] / norm; }
}
