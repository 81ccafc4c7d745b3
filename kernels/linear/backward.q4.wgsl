// Stages int4 rows for linear.backward.wgsl: a word is two vec4s along k, of one group.
// Past K the nibbles are padding: those columns are not stored, and reads stay inside by clamping.
//
//   perm   u32 [K]   GPTQ act-order: the words' k-th column is dX's column perm[k]
//
// Constants: q4.wgsl's.

@group(0) @binding(1) var<storage, read> words: array<u32>;
@group(0) @binding(5) var<storage, read> perm: array<u32>;

const W_STEP = 8u;

fn column(k: u32) -> u32 {
  if (shape.PERM == 1u) { return perm[k]; }
  return k;
}

fn stage_w(to: u32, n: u32, k: u32) {
  let row = min(n, shape.N - 1u);
  let word = min(k / 8u, shape.WORDS - 1u);
  let p = group_params(row, word * 8u / GROUP);
  let q = vec4(words[row * shape.WORDS + word]);
  ws[to] = vec4<Stage>(fma(vec4(p.x), vec4<f32>((q >> vec4(0u, 4u, 8u, 12u)) & vec4(15u)), vec4(p.y)));
  ws[to + 1u] = vec4<Stage>(fma(vec4(p.x), vec4<f32>((q >> vec4(16u, 20u, 24u, 28u)) & vec4(15u)), vec4(p.y)));
}
