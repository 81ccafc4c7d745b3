// Where one workgroup has the whole sum: y.scalar.wgsl's results with its name here. Constants: ADD. Alias: Y.

@group(0) @binding(2) var<storage, read_write> y: array<Y>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;

fn put(m: u32, n: u32, v: f32, split: u32) {
  if (n >= shape.N) { return; }
  let i = m * shape.LDY + shape.COLUMN + n;
  var sum = shape.SCALE * v + select(0.0, bias[n * shape.BIAS], shape.BIAS == 1u);
  if (ADD) { sum += f32(y[i]); }
  y[i] = Y(sum);
}
