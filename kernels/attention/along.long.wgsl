// D = dy . y of long texts' queries, a number a head, for keys.long.wgsl. One workgroup a tile of ROWS queries of a head,
// PARTS = 4 threads a query; reading bounds it.
//
//   dy, y  f16  [T, H D], read 8 at a time
//   along  f32  [T, H]
//   tiles  u32  [n, 4]   (first row, one past the last, sequence's first row, sequence);  dim.x  n

@group(0) @binding(0) var<storage, read> dy: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> y: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> along: array<f32>;
@group(0) @binding(3) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(4) var<uniform> dim: vec4<u32>;

const PARTS = 4u;
const T = PARTS * ROWS;

fn dot8(a: vec4<u32>, b: vec4<u32>) -> f32 {
  return dot(vec4<f32>(bitcast<vec4<f16>>(a.xy)), vec4<f32>(bitcast<vec4<f16>>(b.xy)))
    + dot(vec4<f32>(bitcast<vec4<f16>>(a.zw)), vec4<f32>(bitcast<vec4<f16>>(b.zw)));
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  if (wg.y >= dim.x) { return; }
  let tile = tiles[wg.y];
  let at = min(tile.x + t / PARTS, tile.y - 1u) * H + wg.x;
  var sum = 0.0;
  for (var c = t % PARTS; c < D / 8u; c += PARTS) { sum += dot8(dy[at * (D / 8u) + c], y[at * (D / 8u) + c]); }
  sum += subgroupShuffleXor(sum, 1u);
  sum += subgroupShuffleXor(sum, 2u);
  if (t % PARTS == 0u && tile.x + t / PARTS < tile.y) { along[at] = sum; }
}
