// y[m, COLUMN + n] (+)= SCALE · Σk x[m, k] W[n, k] + bias[n] for a few rows of f16 x and int4 W: W is streamed once.
//
//   x       f16 [M, K], 8 halves a read         words   u32 [N, K / 8], a vec4 = 32 k's = a chunk
//   params  Param [N, GROUPS], see q4.wgsl      y, bias, shape, dim   see y.scalar.wgsl, shape.wgsl
//
// A team of 32 SK threads takes NR rows of W, a thread every (32 SK)th chunk of them; SR teams share x, which lies in
// workgroup memory, KT of K at a time, unpacked once for all of them. D steps of W are in flight a thread.
//
// Words and x as halves: skinny.pairs.wgsl, included. With CHAIN > 0 products are added in f16, CHAIN words' of a
// lane's half at a time; with CHAIN = 0 all is f32. Then a Σ x (q - 8) + (b + 8 a) Σ x a chunk, in f32.
// Constants: MR, NR, SK, SR, KT (a multiple of 1024 SK D), D, CHAIN, PER (chunks of a group), ZERO_POINT, WIDE, SMALLEST
// (fewest threads of a subgroup; at most 32). Alias: Param (u32 or vec2<f32>). Loops marked `unroll` are written out.

const T = 32u * SK * SR;
const CT = KT / 32u;
const STRIDE = 32u * SK;
const TILE_STEPS = CT / STRIDE;
const SUBGROUPS = 32u / SMALLEST; // of 32 threads, at most
const MASK = vec4(0xfu, 0xf0u, 0xf00u, 0xf000u);
const PLACE = vec4(1.0, 0x1p-4, 0x1p-8, 0x1p-12);

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> words: array<vec4<u32>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;
@group(0) @binding(6) var<storage, read> params: array<Param>;

var<workgroup> xs: array<vec4<u32>, 4u * MR * CT>;     // word i of chunk c of row m at (4 m + i) CT + c
var<workgroup> info: array<vec2<f32>, MR * CT>;        // Σ x, and what scaled x is multiplied by
var<workgroup> partial: array<f32, MR * NR * SK * SR * SUBGROUPS>;

/// Chunks c0 .. c0 + CT of rows m0 .. m0 + MR; those past K are 0.
fn stage(m0: u32, c0: u32, t: u32) {
  for (var u = t; u < MR * CT; u += T) {
    let c = c0 + u % CT;
    let at = 4u * (u - u % CT) + u % CT;
    if (c >= shape.K / 32u) {
      for (var i = 0u; i < 4u; i++) { xs[at + i * CT] = vec4<u32>(); }
      info[u] = vec2<f32>();
      continue;
    }
    let start = min(m0 + u / CT, dim.x - 1u) * (shape.K / 8u) + 4u * c;
    let made = chunk(x[start], x[start + 1u], x[start + 2u], x[start + 3u]);
    for (var i = 0u; i < WORDS; i++) { // unroll
      xs[at + i * CT] = made.words[i];
    }
    info[u] = made.about;
  }
}

/// 16^j (q - 8) for the four nibbles of half a word, under the exponent of 2^23.
fn nibbles(half: u32) -> vec4<f32> {
  return bitcast<vec4<f32>>((vec4(half) & MASK) | vec4(0x4b000000u)) - vec4(8388616.0, 8388736.0, 8390656.0, 8421376.0);
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let m0 = wg.z * MR;
  let first = (wg.x + wg.y * groups.x) * (SR * NR);
  let n0 = first + t / STRIDE * NR;
  let place = t % STRIDE;
  let chunks = shape.K / 32u;
  let steps = (chunks + STRIDE - 1u) / STRIDE;

  var w: array<vec4<u32>, D_NR>;
  var p: array<Param, D_NR>;
  var acc: array<f32, SUMS>;
  for (var d = 0u; d < D; d++) { // unroll
    let c = min(d * STRIDE + place, chunks - 1u);
    for (var r = 0u; r < NR; r++) { // unroll
      let n = min(n0 + r, shape.N - 1u);
      w[d * NR + r] = words[n * chunks + c];
      p[d * NR + r] = params[n * shape.GROUPS + c / PER];
    }
  }
  for (var s0 = 0u; s0 < steps; s0 += TILE_STEPS) {
    if (s0 > 0u) { workgroupBarrier(); }
    stage(m0, s0 * STRIDE, t);
    workgroupBarrier();
    let end = min(steps, s0 + TILE_STEPS);
    for (var s = s0; s < end; s += D) {
      for (var d = 0u; d < D; d++) { // unroll
        if (D == 1u || s + d < end) {
          let local = (s + d - s0) * STRIDE + place;
          if (CHAIN > 0u) {
            var h: array<vec2<f16>, SUMS>;
            var f: array<f32, SUMS>;
            // Dawn's text for SPIR-V does not make a variable zero again each time around a loop.
            for (var j = 0u; j < SUMS; j++) { // unroll
              f[j] = 0.0;
              h[j] = vec2<f16>();
            }
            for (var i = 0u; i < WORDS; i++) { // unroll
              var v: array<vec4<u32>, MR>;
              for (var m = 0u; m < MR; m++) { // unroll
                v[m] = xs[(4u * m + i) * CT + local];
              }
              for (var r = 0u; r < NR; r++) { // unroll
                let q = pairs(w[d * NR + r][i]);
                for (var m = 0u; m < MR; m++) { // unroll
                  h[m * NR + r] = add(h[m * NR + r], q, v[m]);
                }
              }
              if (i % max(CHAIN, 1u) == max(CHAIN, 1u) - 1u) {
                for (var j = 0u; j < SUMS; j++) { // unroll
                  f[j] += f32(h[j].x) + f32(h[j].y);
                  h[j] = vec2<f16>();
                }
              }
            }
            for (var m = 0u; m < MR; m++) { // unroll
              let about = info[m * CT + local];
              for (var r = 0u; r < NR; r++) { // unroll
                let ab = numbers(p[d * NR + r]);
                acc[m * NR + r] = fma(ab.x * about.y, f[m * NR + r], fma(ab.y, about.x, acc[m * NR + r]));
              }
            }
          } else {
            var f: array<f32, SUMS>;
            for (var j = 0u; j < SUMS; j++) { // unroll
              f[j] = 0.0;
            }
            for (var i = 0u; i < WORDS; i++) { // unroll
              var low: array<vec4<f32>, MR>;
              var high: array<vec4<f32>, MR>;
              for (var m = 0u; m < MR; m++) { // unroll
                let v = eight(xs[(4u * m + i) * CT + local]);
                low[m] = vec4(v.low.x, v.low.z, v.high.x, v.high.z) * PLACE;
                high[m] = vec4(v.low.y, v.low.w, v.high.y, v.high.w) * PLACE;
              }
              for (var r = 0u; r < NR; r++) { // unroll
                let a = nibbles(w[d * NR + r][i]);
                let b = nibbles(w[d * NR + r][i] >> 16u);
                for (var m = 0u; m < MR; m++) { // unroll
                  f[m * NR + r] += dot(low[m], a) + dot(high[m], b);
                }
              }
            }
            for (var m = 0u; m < MR; m++) { // unroll
              let about = info[m * CT + local];
              for (var r = 0u; r < NR; r++) { // unroll
                let ab = numbers(p[d * NR + r]);
                acc[m * NR + r] = fma(ab.x * about.y, f[m * NR + r], fma(ab.y, about.x, acc[m * NR + r]));
              }
            }
          }
        }
        let c = min((s + d + D) * STRIDE + place, chunks - 1u);
        for (var r = 0u; r < NR; r++) { // unroll
          let n = min(n0 + r, shape.N - 1u);
          w[d * NR + r] = words[n * chunks + c];
          p[d * NR + r] = params[n * shape.GROUPS + c / PER];
        }
      }
    }
  }

  // Within subgroups of any size first, then 32 SK / size numbers a sum, always in the same order.
  let size = subgroupAdd(1u);
  for (var j = 0u; j < SUMS; j++) { // unroll
    let sum = subgroupAdd(acc[j]);
    if (subgroupElect()) { partial[(j * SR * SK + t / 32u) * SUBGROUPS + t % 32u / size] = sum; }
  }
  workgroupBarrier();
  for (var o = t; o < MR * NR * SR; o += T) {
    let j = o % (MR * NR);
    let team = o / (MR * NR);
    var sum = 0.0;
    for (var k = 0u; k < SK; k++) {
      for (var i = 0u; i * size < 32u; i++) { sum += partial[((j * SR + team) * SK + k) * SUBGROUPS + i]; }
    }
    if (m0 + j / NR < dim.x) { put(m0 + j / NR, first + team * NR + j % NR, sum); }
  }
}
