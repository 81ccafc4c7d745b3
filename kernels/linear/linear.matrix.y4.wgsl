// Results of linear.matrix.wgsl, four at a time: N, LDY and COLUMN are multiples of 4. Alias: Y.

@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;

fn staged(at: u32) -> vec4<f32> { return bitcast<vec4<f32>>(stage[at]); }
fn put(m: u32, n: u32, sum: vec4<f32>, add: bool) {
  var v = SCALE * sum;
  if (BIAS) { v += bias[n / 4u]; }
  if (add) { v += vec4<f32>(y[(m * LDY + COLUMN + n) / 4u]); }
  y[(m * LDY + COLUMN + n) / 4u] = vec4<Y>(v);
}
