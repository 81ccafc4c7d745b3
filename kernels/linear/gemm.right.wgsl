// Stages a dense right operand of gemm.matrix.wgsl, through the dropout mask where there is one.

fn right_put(to: u32, v: RightRaw, at: vec2<u32>, magic: vec2<u32>) {
  if (MASK_RIGHT) {
    let x = right_numbers(v);
    stage[to] = halves(mat2x4(x[0] * mask4(at.x, at.y * 8u), x[1] * mask4(at.x, at.y * 8u + 4u)));
  } else { stage[to] = right_halves(v); }
}
