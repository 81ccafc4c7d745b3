// Writes results: y[m, COLUMN + n] (+)= SCALE · v + bias[n], for n < N, four at a time: N, LDY and COLUMN are multiples of 4.
// Constants: ADD. Alias: Y (f16 or f32).

@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;

fn put4(m: u32, n: u32, v: vec4<f32>) {
  if (n >= shape.N) { return; }
  let i = (m * shape.LDY + shape.COLUMN + n) / 4u;
  var sum = shape.SCALE * v + select(vec4<f32>(), bias[n / 4u * shape.BIAS], shape.BIAS == 1u);
  if (ADD) { sum += vec4<f32>(y[i]); }
  y[i] = vec4<Y>(sum);
}
