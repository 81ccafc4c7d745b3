// AWQ's (GEMM) qweight [K, N / 8] -> words [N, K / 8]. Nibble i of a stored word is column 8 c + [0,2,4,6,1,3,5,7][i].
//
//   dim     (N, K, first row in words, -)
// One thread makes one word from eight rows. Constants: WG.

@group(0) @binding(0) var<storage, read> qweight: array<u32>;
@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(2) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let id = (wg.x + wg.y * groups.x) * WG + t;
  let N = dim.x;
  let rowWords = dim.y / 8u;
  if (id >= N * rowWords) { return; }
  let n = id % N;
  let w = id / N;
  // Column j of eight sits at nibble [0,4,1,5,2,6,3,7][j]: j / 2, plus 4 where j is odd.
  let shift = 4u * ((n % 8u) / 2u + 4u * (n & 1u));
  var word = 0u;
  for (var i = 0u; i < 8u; i++) {
    word |= ((qweight[(8u * w + i) * (N / 8u) + n / 8u] >> shift) & 0xfu) << (4u * i);
  }
  words[(dim.z + n) * rowWords + w] = word;
}
