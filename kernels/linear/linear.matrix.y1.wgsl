// Results of linear.matrix.wgsl, one at a time: any width. Alias: Y.

@group(0) @binding(2) var<storage, read_write> y: array<Y>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;

fn staged(at: u32) -> f32 { return bitcast<f32>(stage[at / 4u][at % 4u]); }
fn put(m: u32, n: u32, sum: f32, add: bool) {
  var v = SCALE * sum;
  if (BIAS) { v += bias[n]; }
  if (add) { v += f32(y[m * LDY + COLUMN + n]); }
  y[m * LDY + COLUMN + n] = Y(v);
}
