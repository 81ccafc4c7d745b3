// One step of linear.vector.wgsl over dense rows: 4 k's. K is a multiple of 4. Constants: MR, NR.

const CHUNK = 4u;

fn chunk(acc: ptr<function, array<f32, MR * NR>>, m0: u32, n0: u32, c: u32) {
  var w: array<vec4<f32>, NR>;
  for (var r = 0u; r < NR; r++) { w[r] = w4(min(n0 + r, shape.N - 1u), 4u * c); }
  for (var m = 0u; m < MR; m++) {
    let a = x4(m0 + m, 4u * c);
    for (var r = 0u; r < NR; r++) { (*acc)[m * NR + r] += dot(a, w[r]); }
  }
}
