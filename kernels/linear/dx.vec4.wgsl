// Writes dX [M, K] four at a time: K is a multiple of 4, and `column` changes nothing. Alias: DX (f16 or f32).

@group(0) @binding(0) var<storage, read_write> dx: array<vec4<DX>>;

/// `row` is m, or m in a part of its own.
fn put4(row: u32, m: u32, k: u32, v: vec4<f32>) {
  if (k >= shape.K) { return; }
  let i = (row * shape.K + column(k)) / 4u;
  var sum = shape.SCALE * v * mask4(m, k);
  if (shape.ADD == 1u) { sum += vec4<f32>(dx[i]); }
  dx[i] = vec4<DX>(sum);
}
