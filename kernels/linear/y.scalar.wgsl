// Writes results: y[m, COLUMN + n] (+)= SCALE · v + bias[n], for n < N. Any width.
// Alias: Y (f16 or f32).

@group(0) @binding(2) var<storage, read_write> y: array<Y>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;

fn put(m: u32, n: u32, v: f32) {
  if (n >= shape.N) { return; }
  let i = m * shape.LDY + shape.COLUMN + n;
  var sum = shape.SCALE * v;
  if (shape.BIAS == 1u) { sum += bias[n]; }
  if (shape.ADD == 1u) { sum += f32(y[i]); }
  y[i] = Y(sum);
}

fn put4(m: u32, n: u32, v: vec4<f32>) {
  for (var i = 0u; i < 4u; i++) { put(m, n + i, v[i]); }
}
