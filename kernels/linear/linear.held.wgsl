// y[m, COLUMN + n] (+)= SCALE · Σk x[m, k] W[n, k] + bias[n] for up to four rows of f16 x and int4 W: W is streamed once past
// x, which stays in registers.
//
//   x       f16 [M, K], 8 halves a read         words   u32 [N, K / 8], a vec4 = 32 k's = a chunk
//   params  Param [N, GROUPS], see q4.wgsl      y, bias, shape, dim   see y.scalar.wgsl, shape.wgsl
//
// Thread t holds chunk t of MR rows of x for all BLOCKS NR rows of W that its workgroup takes, so that a row of W is one
// read of 16 bytes a thread, side by side, and nothing of x is read again. With TURNS = 2, while NR rows are multiplied the
// next NR are on their way to other registers; with TURNS = 1 each row's registers take the next NR's as soon as it has been
// multiplied. A K of more than 32 T is taken in PARTS, one after the other. Products of a chunk are added in f16, sixteen
// to a sum (skinny.pairs.wgsl says why none overflows), then a Σ x (q - 8) + (b + 8 a) Σ x in f32.
//
// A thread then has COUNT = MR NR sums, of which a subgroup of 32 makes totals by halves: lanes that differ in one bit
// swap the half that the other keeps, so that after 16 + 8 + 4 + 2 + 1 exchanges, not 5 COUNT, each lane has one total.
// Those between rows of x come first, a row of W at a time, so that few sums wait.
// Totals of the subgroups meet in workgroup memory, once for all rows.
// Constants: MR, NR (powers of two), BLOCKS (a multiple of TURNS), WARPS (subgroups), PARTS, COUNT (up to 32), TURNS, HELD = TURNS NR,
// X_LEVELS, X_MOST (log2 MR, MR / 2), W_LEVELS, W_MOST (5 - X_LEVELS, NR / 2), PER (chunks of a group), WORDS = 4, ZERO_POINT.
// Alias: Param (u32 or vec2<f32>). Loops marked `unroll` are written out.

const T = 32u * WARPS;

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> words: array<vec4<u32>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;
@group(0) @binding(6) var<storage, read> params: array<Param>;

var<workgroup> totals: array<f32, BLOCKS * COUNT * WARPS>; // of subgroup w: at (block COUNT + sum) WARPS + w

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let m0 = wg.z * MR;
  let first = (wg.x + wg.y * groups.x) * (BLOCKS * NR);
  // Rows past the last of this workgroup's repeat it: what is read ahead at the end is no other's.
  let last = min(first + BLOCKS * NR, shape.N) - 1u;
  let chunks = shape.K / 32u;
  let lane = t % 32u;

  for (var part = 0u; part < PARTS; part++) { // unroll
    let c = min(part * T + t, chunks - 1u);
    // Row r of the block that turn d multiplies.
    var w: array<vec4<u32>, HELD>;
    var p: array<Param, HELD>;
    for (var r = 0u; r < NR; r++) { // unroll
      let n = min(first + r, last);
      w[r] = words[n * chunks + c];
      p[r] = params[n * shape.GROUPS + c / PER];
    }
    var xs: array<vec4<u32>, WORDS * MR>;
    var about: array<vec2<f32>, MR>;
    for (var m = 0u; m < MR; m++) { // unroll
      let start = min(m0 + m, dim.x - 1u) * (shape.K / 8u) + 4u * c;
      let made = chunk(x[start], x[start + 1u], x[start + 2u], x[start + 3u]);
      for (var i = 0u; i < WORDS; i++) { // unroll
        xs[m * WORDS + i] = made.words[i];
      }
      // Threads past the last chunk repeat it and count for nothing.
      about[m] = select(vec2<f32>(), made.about, part * T + t < chunks);
    }

    for (var block = 0u; block < BLOCKS; block += TURNS) {
      for (var d = 0u; d < TURNS; d++) { // unroll
        if (TURNS == 2u) {
          for (var r = 0u; r < NR; r++) { // unroll
            let n = min(first + (block + d + 1u) * NR + r, last);
            w[(d + 1u) % TURNS * NR + r] = words[n * chunks + c];
            p[(d + 1u) % TURNS * NR + r] = params[n * shape.GROUPS + c / PER];
          }
        }
        var v: array<f32, NR>;
        for (var r = 0u; r < NR; r++) { // unroll
          var h: array<vec2<f16>, MR>;
          // Dawn's text for SPIR-V does not make a variable zero again each time around a loop.
          for (var m = 0u; m < MR; m++) { // unroll
            h[m] = vec2<f16>();
          }
          for (var i = 0u; i < WORDS; i++) { // unroll
            let q = pairs(w[d * NR + r][i]);
            for (var m = 0u; m < MR; m++) { // unroll
              h[m] = add(h[m], q, xs[m * WORDS + i]);
            }
          }
          let ab = numbers(p[d * NR + r]);
          if (TURNS == 1u) {
            let n = min(first + (block + 1u) * NR + r, last);
            w[r] = words[n * chunks + c];
            p[r] = params[n * shape.GROUPS + c / PER];
          }
          var f: array<f32, MR>;
          for (var m = 0u; m < MR; m++) { // unroll
            f[m] = fma(ab.x * about[m].y, f32(h[m].x) + f32(h[m].y), ab.y * about[m].x);
          }
          // Level 0 leaves the upper half to lanes with bit 16, level 1 of that the upper to those with bit 8, and so on.
          for (var level = 0u; level < X_LEVELS; level++) { // unroll
            let bit = 16u >> level;
            let upper = (lane & bit) != 0u;
            for (var i = 0u; i < X_MOST; i++) { // unroll
              if (i < (MR >> (level + 1u))) {
                let other = i + (MR >> (level + 1u));
                f[i] = select(f[i], f[other], upper) + subgroupShuffleXor(select(f[other], f[i], upper), bit);
              }
            }
          }
          v[r] = f[0];
        }
        for (var level = 0u; level < W_LEVELS; level++) { // unroll
          let bit = 16u >> (X_LEVELS + level);
          let upper = (lane & bit) != 0u;
          for (var i = 0u; i < W_MOST; i++) { // unroll
            if (i < (NR >> (level + 1u))) {
              let other = i + (NR >> (level + 1u));
              v[i] = select(v[i], v[other], upper) + subgroupShuffleXor(select(v[other], v[i], upper), bit);
            }
          }
          // Where a lane has one sum already, lanes that have the same add theirs.
          if ((NR >> (level + 1u)) == 0u) { v[0] += subgroupShuffleXor(v[0], bit); }
        }
        if (lane % (32u / COUNT) == 0u) {
          let at = ((block + d) * COUNT + lane / (32u / COUNT)) * WARPS + t / 32u;
          if (part > 0u) { v[0] += totals[at]; }
          totals[at] = v[0];
        }
      }
    }
  }
  workgroupBarrier();
  for (var o = t; o < BLOCKS * COUNT; o += T) {
    let j = o % COUNT;
    var sum = 0.0;
    for (var i = 0u; i < WARPS; i++) { sum += totals[o * WARPS + i]; }
    if (m0 + j / NR < dim.x) { put(m0 + j / NR, first + o / COUNT * NR + j % NR, sum); }
  }
}
