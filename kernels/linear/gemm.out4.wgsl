// Results of gemm.matrix.wgsl, four at a time: every place is a multiple of 4. Alias: Out (f16 or f32).

@group(0) @binding(2) var<storage, read_write> out: array<vec4<Out>>;

fn get4(row: u32, n: u32) -> vec4<Out> { return out[(row + n) / 4u]; }
/// `row`: where column 0 is. n < OUT_N.
fn put4(row: u32, n: u32, v: vec4<f32>) {
  let i = (row + n) / 4u;
  if (ADD) { out[i] = vec4<Out>(vec4<f32>(out[i]) + v); } else { out[i] = vec4<Out>(v); }
}
