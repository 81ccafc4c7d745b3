// dY [M, LDY] of any width. Uses dim and shape. Alias: DY (f16 or f32).

@group(0) @binding(2) var<storage, read> dy: array<DY>;

/// dY[m, COLUMN + n .. + 3], zero past N and past the last row.
fn dy4(m: u32, n: u32) -> vec4<f32> {
  var v = vec4<f32>();
  if (m >= dim.x) { return v; }
  for (var i = 0u; i < 4u; i++) {
    if (n + i < shape.N) { v[i] = f32(dy[m * shape.LDY + shape.COLUMN + n + i]); }
  }
  return v;
}
