// out[OFFSET + i] (+)= SCALE · Σp parts[p, i], i < M C: adds up what workgroups summed apart, always in the same order.
//
//   parts   f32 [PARTS, STRIDE]   the first M C of every STRIDE are used
//   out     Out
//   dim.x   M
//
// One thread a sum. Constants: WG (threads). Alias: Out (f16 or f32).

struct Shape { C: u32, PARTS: u32, STRIDE: u32, OFFSET: u32, ADD: u32, SCALE: f32 }

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<Out>;
@group(0) @binding(2) var<uniform> dim: vec4<u32>;
@group(0) @binding(3) var<uniform> shape: Shape;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = (wg.x + wg.y * groups.x) * WG + t;
  if (i >= dim.x * shape.C) { return; }
  var sum = 0.0;
  for (var p = 0u; p < shape.PARTS; p++) { sum += parts[p * shape.STRIDE + i]; }
  sum *= shape.SCALE;
  if (shape.ADD == 1u) { sum += f32(out[shape.OFFSET + i]); }
  out[shape.OFFSET + i] = Out(sum);
}
