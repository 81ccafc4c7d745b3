// parts[p, n] = Σm dY[m, COLUMN + n] over the p-th span of rows: a bias's gradient in parts, which sum_parts adds in order.
//
//   dY      DY  [M, LDY]
//   parts   f32 [PARTS, N]
//   dim.x   M
//
// One thread a column of a span: neighbours read neighbouring columns of one row. Constants: WG (threads).
// Alias: DY (f16 or f32).

struct Shape { N: u32, LDY: u32, COLUMN: u32, PARTS: u32 }

@group(0) @binding(0) var<storage, read> dy: array<DY>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<uniform> dim: vec4<u32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let n = wg.x * WG + t;
  if (n >= shape.N) { return; }
  let span = (dim.x + shape.PARTS - 1u) / shape.PARTS;
  var sum = 0.0;
  for (var m = wg.y * span; m < min((wg.y + 1u) * span, dim.x); m++) { sum += f32(dy[m * shape.LDY + shape.COLUMN + n]); }
  parts[wg.y * shape.N + n] = sum;
}
