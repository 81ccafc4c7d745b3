// Stages dense rows for linear.tile.wgsl: a 4 x 4 block, transposed.

const W_STEP = 4u;

fn stage_w(to: u32, n: u32, k: u32) {
  let rows = min(vec4(n) + vec4(0u, 1u, 2u, 3u), vec4(shape.N - 1u));
  let v = transpose(mat4x4(w4(rows.x, k), w4(rows.y, k), w4(rows.z, k), w4(rows.w, k)));
  for (var j = 0u; j < 4u; j++) { ws[to + j * ROW_W] = vec4<Stage>(v[j]); }
}
