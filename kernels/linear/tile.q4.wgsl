// Stages int4 rows for linear.tile.wgsl: four rows of one word each become eight vec4s, one a k.
// Past K the nibbles are padding: x is zero there, so any finite weight does, and reads stay inside by clamping.
// Constants: q4.wgsl's.

@group(0) @binding(1) var<storage, read> words: array<u32>;

const W_STEP = 8u;

fn stage_w(to: u32, n: u32, k: u32) {
  let rows = min(vec4(n) + vec4(0u, 1u, 2u, 3u), vec4(shape.N - 1u));
  let word = min(k / 8u, shape.WORDS - 1u);
  let g = word * 8u / shape.GROUP;
  let q = vec4(words[rows.x * shape.WORDS + word], words[rows.y * shape.WORDS + word], words[rows.z * shape.WORDS + word], words[rows.w * shape.WORDS + word]);
  let p = transpose(mat4x2(group_params(rows.x, g), group_params(rows.y, g), group_params(rows.z, g), group_params(rows.w, g)));
  for (var j = 0u; j < 8u; j++) {
    ws[to + j * ROW_W] = vec4<Stage>(fma(p[0], vec4<f32>((q >> vec4(4u * j)) & vec4(15u)), p[1]));
  }
}
