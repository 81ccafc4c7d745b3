// loss[0] = mean of losses[0 .. Q - 1]
//
//   losses  f32 [Q]
//   loss    f32 [1]
//   batch   (Q, -, -, -)
//
// One thread: Q is a few dozen, and one order is a fixed order.

@group(0) @binding(0) var<storage, read> losses: array<f32>;
@group(0) @binding(1) var<storage, read_write> loss: array<f32>;
@group(0) @binding(2) var<uniform> batch: vec4<u32>;

@compute @workgroup_size(1)
fn main() {
  var sum = 0.0;
  for (var q = 0u; q < batch.x; q++) { sum += losses[q]; }
  loss[0] = sum / f32(batch.x);
}
