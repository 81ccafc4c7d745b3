// parts[p, c] = Σm dy[m, c] x[m, c] scales[m] over the p-th span of rows: the gradient of rms_norm's weight in parts,
// which sum_parts adds in order.
//
//   x       f32  [M, C]
//   dy      Elem [M, C]
//   scales  f32  [M]      from rms_norm.backward.wgsl
//   parts   f32  [PARTS, C]
//   dim.x   M
//
// One thread a column of a span: neighbours read neighbouring columns of one row.
// Constants: C, PARTS, WG (threads). Alias: Elem.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<Elem>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;
@group(0) @binding(4) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let c = wg.x * WG + t;
  if (c >= C) { return; }
  let span = (dim.x + PARTS - 1u) / PARTS;
  var sum = 0.0;
  for (var m = wg.y * span; m < min((wg.y + 1u) * span, dim.x); m++) { sum += f32(dy[m * C + c]) * x[m * C + c] * scales[m]; }
  parts[wg.y * C + c] = sum;
}
