// Writes results: y[m, COLUMN + n] (+)= SCALE · v + bias[n], for n < N. Any width.
// Constants: ADD. Alias: Y (f16 or f32).

@group(0) @binding(2) var<storage, read_write> y: array<Y>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;

fn put(m: u32, n: u32, v: f32) {
  if (n >= shape.N) { return; }
  let i = m * shape.LDY + shape.COLUMN + n;
  // An index in place of a branch: this is written out often, and branches are what drivers take long to compile.
  var sum = shape.SCALE * v + select(0.0, bias[n * shape.BIAS], shape.BIAS == 1u);
  if (ADD) { sum += f32(y[i]); }
  y[i] = Y(sum);
}

fn put4(m: u32, n: u32, v: vec4<f32>) {
  put(m, n, v.x);
  put(m, n + 1u, v.y);
  put(m, n + 2u, v.z);
  put(m, n + 3u, v.w);
}
