// Writes dX [M, K] of any K, through the permutation of act-order weights where there is one. Alias: DX (f16 or f32).

@group(0) @binding(0) var<storage, read_write> dx: array<DX>;

/// `row` is m, or m in a part of its own.
fn put4(row: u32, m: u32, k: u32, v: vec4<f32>) {
  let masked = shape.SCALE * v * mask4(m, k);
  for (var j = 0u; j < 4u; j++) {
    if (k + j < shape.K) {
      let i = row * shape.K + column(k + j);
      var sum = masked[j];
      if (shape.ADD == 1u) { sum += f32(dx[i]); }
      dx[i] = DX(sum);
    }
  }
}
