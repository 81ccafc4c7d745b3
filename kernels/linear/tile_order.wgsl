// Which tile of BM x BN results a workgroup makes: GROUP_M tiles down, then one to the right, so that workgroups that run
// together share rows of both operands in the L2. Constants: BM, BN, GROUP_M, TILES_N (tiles side by side).

/// First row and column of tile `index` where there are `rows` rows; a row past all of them where there is no such tile.
fn tile_at(index: u32, rows: u32) -> vec2<u32> {
  let tiles_m = (rows + BM - 1u) / BM;
  let first = index / (GROUP_M * TILES_N) * GROUP_M;
  if (first >= tiles_m) { return vec2(0xffffffffu); }
  let height = min(GROUP_M, tiles_m - first);
  return vec2((first + index % (GROUP_M * TILES_N) % height) * BM, index % (GROUP_M * TILES_N) / height * BN);
}
