// dY [M, LDY] read four columns at a time: N, LDY and COLUMN are multiples of 4. Uses dim and shape. Alias: DY (f16 or f32).

@group(0) @binding(2) var<storage, read> dy: array<vec4<DY>>;

/// dY[m, COLUMN + n .. + 3], zero past N and past the last row.
fn dy4(m: u32, n: u32) -> vec4<f32> {
  if (m >= dim.x || n >= shape.N) { return vec4<f32>(); }
  return vec4<f32>(dy[(m * shape.LDY + shape.COLUMN + n) / 4u]);
}
