// GPTQ's qweight [K / 8, N] -> words [N, K / 8]: word r of column n holds k = 8 r + i at bits 4 i on both sides, so
// without act-order it is a transposition of words. With it, k' = 8 w + i is the stored row perm[k'].
//
//   dim     (N, K, first row in words, -)
// One thread a word, consecutive threads along N, where reads are contiguous. Constants: ACT_ORDER (bool), WG.

@group(0) @binding(0) var<storage, read> qweight: array<u32>;
@group(0) @binding(1) var<storage, read> perm: array<u32>;
@group(0) @binding(2) var<storage, read_write> words: array<u32>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let id = (wg.x + wg.y * groups.x) * WG + t;
  let N = dim.x;
  let rowWords = dim.y / 8u;
  if (id >= N * rowWords) { return; }
  let n = id % N;
  let w = id / N;
  var word = qweight[w * N + n];
  if (ACT_ORDER) {
    word = 0u;
    for (var i = 0u; i < 8u; i++) {
      let k = perm[8u * w + i];
      word |= ((qweight[k / 8u * N + n] >> (4u * (k % 8u))) & 0xfu) << (4u * i);
    }
  }
  words[(dim.z + n) * rowWords + w] = word;
}
