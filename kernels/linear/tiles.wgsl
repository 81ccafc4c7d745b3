// out = columns COLUMN .. + K of x, as f16 in tiles of 16 x 16: 512 bytes each, a row of tiles after the other, so that a
// matrix is loaded from 512 bytes in a row. One thread makes eight numbers.
//
//   x       f16 or f32 [M, LD], eight at a time (Eight): LD and COLUMN are multiples of 8, K of 16
//   out     f16 [M rounded up to 16, K]; rows from dim.x on are left as they are
//   dim.x   rows, at most M

@group(0) @binding(0) var<storage, read> x: array<Eight>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<u32>>;
@group(0) @binding(2) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let i = (wg.x + wg.y * groups.x) * 256u + t;
  let row = i / (K / 8u);
  let v = i % (K / 8u);
  if (row >= dim.x) { return; }
  out[(row / 16u * (K / 16u) + v / 2u) * 32u + row % 16u * 2u + v % 2u] = halves(x[(row * LD + COLUMN) / 8u + v]);
}
