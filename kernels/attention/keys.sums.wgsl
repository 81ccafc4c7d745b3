// dk and dv of long texts out of the sums that keys.long.wgsl leaves where a group's heads are split: parts in order, then
// dk / sqrt(D). A thread has 8 channels of one row; reading bounds it.
//
//   parts  f32  [SPLITS, TOKENS, 2 KV D]   dk, dv
//   dqkv   f16  [T, (H + 2 KV) D]          dk and dv are written
//   tiles  u32  [n, 4]                     (first row, one past the last, sequence's first row, sequence);  dim.x  n

@group(0) @binding(0) var<storage, read> parts: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> dqkv: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

const D8 = D / 8u;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  if (wg.y >= dim.x) { return; }
  let tile = tiles[wg.y];
  // One head of k's or of v's.
  let scale = select(1.0, INVERSE_ROOT, wg.x < KV);
  for (var i = t; i < (tile.y - tile.x) * D8; i += 256u) {
    let row = tile.x + i / D8;
    var sum = array<vec4<f32>, 2>();
    for (var split = 0u; split < SPLITS; split++) {
      let at = ((split * TOKENS + row) * 2u * KV + wg.x) * 2u * D8 + 2u * (i % D8);
      sum[0] += parts[at];
      sum[1] += parts[at + 1u];
    }
    let low = bitcast<vec2<u32>>(vec4<f16>(sum[0] * scale));
    dqkv[row * (H + 2u * KV) * D8 + (H + wg.x) * D8 + i % D8] = vec4(low, bitcast<vec2<u32>>(vec4<f16>(sum[1] * scale)));
  }
}
