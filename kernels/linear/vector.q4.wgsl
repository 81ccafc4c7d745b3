// One step of linear.vector.wgsl over int4 rows: 32 k's, of one group, are one vec4 of words.
//
// The sum over a chunk is a Σ x q + b Σ x, so scales cost nothing an element. A nibble becomes a number without shift
// or conversion: under the exponent of 2^23 the bits 4 j .. 4 j + 3 of the word read 2^23 + 16^j q; the 2^23 is taken
// off, exactly, and 16^-j is in x. Three instructions a weight, which keeps arithmetic below the memory's rate.
// K and GROUP are multiples of 32. Constants: MR, NR, and q4.wgsl's.

@group(0) @binding(1) var<storage, read> words: array<vec4<u32>>;

const CHUNK = 32u;
const MASK = vec4(0xfu, 0xf0u, 0xf00u, 0xf000u);
const PLACE = vec4(1.0, 0x1p-4, 0x1p-8, 0x1p-12);
const EXPONENT = vec4(0x4b000000u); // of 2^23

fn nibbles(half: u32) -> vec4<f32> { return bitcast<vec4<f32>>((vec4(half) & MASK) | EXPONENT) - vec4(8388608.0); }

fn chunk(acc: ptr<function, array<f32, MR * NR>>, m0: u32, n0: u32, c: u32) {
  var q: array<vec4<u32>, NR>;
  for (var r = 0u; r < NR; r++) { q[r] = words[min(n0 + r, shape.N - 1u) * (shape.K / 32u) + c]; }
  var xq: array<f32, MR * NR>;
  var xs: array<vec4<f32>, MR>;
  for (var i = 0u; i < 4u; i++) {
    var low: array<vec4<f32>, MR>;
    var high: array<vec4<f32>, MR>;
    for (var m = 0u; m < MR; m++) {
      let v = x8(m0 + m, 32u * c + 8u * i);
      xs[m] += v[0] + v[1];
      low[m] = v[0] * PLACE;
      high[m] = v[1] * PLACE;
    }
    for (var r = 0u; r < NR; r++) {
      let a = nibbles(q[r][i]);
      let b = nibbles(q[r][i] >> 16u);
      for (var m = 0u; m < MR; m++) { xq[m * NR + r] += dot(low[m], a) + dot(high[m], b); }
    }
  }
  let g = 32u * c / shape.GROUP;
  for (var r = 0u; r < NR; r++) {
    let p = group_params(min(n0 + r, shape.N - 1u), g);
    for (var m = 0u; m < MR; m++) { (*acc)[m * NR + r] += p.x * xq[m * NR + r] + p.y * dot(xs[m], vec4(1.0)); }
  }
}
