// Results of gemm.matrix.wgsl, one at a time, anywhere; column() says where act-order weights scatter them to.
// Alias: Out (f16 or f32).

@group(0) @binding(2) var<storage, read_write> out: array<Out>;

/// Never called: EARLY is for four at a time.
fn get4(row: u32, n: u32) -> vec4<Out> { return vec4<Out>(); }
/// `row`: where column 0 is. n < OUT_N, both multiples of 4.
fn put4(row: u32, n: u32, v: vec4<f32>) {
  for (var j = 0u; j < 4u; j++) {
    let i = row + column(n + j);
    if (ADD) { out[i] = Out(f32(out[i]) + v[j]); } else { out[i] = Out(v[j]); }
  }
}
