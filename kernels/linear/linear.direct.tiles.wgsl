// What linear.direct.wgsl tries instead of x as it lies and of int4 words: out = x or W as f16, in rows or in tiles of
// 16 x 16 (512 bytes each, tile row by tile row). One thread makes 8 numbers.
//
//   src    x: f16 [ROWS, K], 8 at a time     W: words as linear.matrix.q4.wgsl reads them (Packed = u32), params
//   made   f16 [ROWS, K]
//
// Constants: ROWS, K, TILES, GROUP, GROUPS. Text: EIGHT(row, v), the 8 numbers of vector v of a row.

@group(0) @binding(0) var<storage, read> src: array<From>;
@group(0) @binding(1) var<storage, read_write> made: array<vec4<u32>>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = (wg.x + wg.y * groups.x) * 256u + t;
  if (i >= ROWS * (K / 8u)) { return; }
  let row = i / (K / 8u);
  let v = i % (K / 8u);
  let magic = vec2(0x64006400u, 0x54005400u);
  let at = select(i, (row / 16u * (K / 16u) + v / 2u) * 32u + row % 16u * 2u + v % 2u, TILES);
  made[at] = EIGHT(row, v);
}
