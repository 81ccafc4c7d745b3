// x [M, K] f16 read eight at a time, 16 bytes a read: K is a multiple of 8.

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>; // x: rows

/// x[m, k .. k + 7], k below K. Rows past the last repeat it: what is made of them is not stored.
fn x8(m: u32, k: u32) -> mat2x4<f32> {
  let v = x[(min(m, dim.x - 1u) * shape.K + k) / 8u];
  return mat2x4(vec4(unpack2x16float(v.x), unpack2x16float(v.y)), vec4(unpack2x16float(v.z), unpack2x16float(v.w)));
}
