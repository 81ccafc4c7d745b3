// y[m, COLUMN + n] (+)= SCALE · Σk x[m, k] W[n, k] + bias[n] for many rows, on subgroup matrices (tensor cores): f16 x f16
// -> f32, 16 x 16 x 16, sums in f32. With BY_K W lies [k, n], which is a layer's gradient dX = dY W: x is dY then.
//
//   x       f16 in tiles, tiles.wgsl's: matrices are loaded straight from it, which no workgroup memory is spent on
//   w       linear.tall.q4.wgsl or linear.tall.dense.wgsl; staged as f16, in rows as it lies
//   y       f16 or f32 [M, LDY], written by linear.matrix.y4.wgsl
//   bias    f32 [N]        bound also where BIAS is false
//   dim.x   rows, at most M
//
// A workgroup makes BM x BN outputs, BK of k at a time; each of its subgroups 32 x BN, so that a matrix of x is loaded by
// one subgroup alone, three sixteens of k before it is multiplied. W has two stages by turns: among the
// multiplications of a step the next one is unpacked, and the one after is read; a step ends with its one barrier. With
// UPDATE the adapters' H Bᵀ is summed too, behind the loop (linear.tall.update.wgsl).
//
// Bound by what still waits on x, on the stage and on the barrier: LADDER.md, step 10.
//
// Loops marked `unroll` are written out by linear.tall.ts, and what is between the marks `turn` once for each stage, and at
// the mark `last` for an odd step: NOW is the stage that is multiplied, NEXT the one that is filled. Constants: M16 (M,
// rounded up to 16), N, K, LDY, COLUMN, SCALE, ADD, BIAS, and what linear.tall.ts makes of the plan.

const STEPS = K / BK;
const TILES_N = (N + BN - 1u) / BN;
const LINE = select(BK, BN, BY_K) / 8u + 1u;   // vectors in a row of a stage, padded against bank conflicts
const STRIP = EW / 4u + 2u;                    // vectors in a row of the epilogue's memory, padded too
const A_16 = 2u * K;                           // vectors from a matrix of x to the one below
const A_K = 32u;                               // and to the next 16 of k

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

var<workgroup> stage: array<vec4<u32>, STAGE>;
var<workgroup> stage2: array<vec4<u32>, STAGE>;

/// Row of the stage and part of it that thread j fills: eight threads that write at a time write to different banks.
fn place(j: u32) -> vec2<u32> {
  if (BY_K) { return vec2(j / (8u * W_PARTS) * 8u + j % 8u, j / 8u % W_PARTS); }
  return vec2(j / W_PARTS, j % W_PARTS);
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let rows = dim.x;
  let at_tile = tile_at(wg.x + wg.y * groups.x, rows);
  if (at_tile.x >= rows || at_tile.y >= N) { return; }
  let m0 = at_tile.x;
  let n0 = at_tile.y;
  // The last tiles move back to end at M16 and at N: nothing is read out of bounds, and what they repeat is not written.
  let m1 = min(m0, M16 - BM);
  let n1 = min(n0, N - BN);
  let full = m0 + BM <= rows && n1 == n0;
  // 0, which the compiler does not know: it keeps the loop as it is, and the magic numbers in registers.
  let zero = wg.z;
  let magic = vec2(0x64006400u, 0x54005400u) + zero;

  let lane = t % 32u;
  let subgroup = t / 32u;
  let sm = subgroup / (BN / WN) * WM;
  let sn = subgroup % (BN / WN) * WN;
  let a_from = (m1 + sm) / 16u * A_16;
  let b_from = select(sn * LINE, sn / 8u, BY_K);
  var ws: array<Packed, W_LOADS>;
  var ps: array<Param, W_LOADS>;
  var acc: array<subgroup_matrix_result<f32, 16, 16>, FM * FN>;
  var a: array<subgroup_matrix_left<f16, 16, 16>, SETS * FM>;
  var b: array<subgroup_matrix_right<f16, 16, 16>, 2>;
  if (PRELOAD && full) {
    for (var i = 0u; i < FM; i++) { // unroll
      for (var j = 0u; j < FN; j++) { // unroll
        acc[i * FN + j] = load_y(m0 + sm + i * 16u, n0 + sn + j * 16u);
      }
    }
  }

  // The first step is staged, the second read.
  for (var i = 0u; i < W_LOADS; i++) { // unroll
    ws[i] = read_w(t + i * T, n1, 0u);
    ps[i] = read_param(t + i * T, n1, 0u);
  }
  for (var q = 0u; q < PIECES; q++) { // unroll
    stage[to_stage(t + q / W_VECTORS * T) + q % W_VECTORS] = halves(ws[q / W_VECTORS], ps[q / W_VECTORS], q % W_VECTORS, magic);
  }
  for (var i = 0u; i < W_LOADS; i++) { // unroll
    ws[i] = read_w(t + i * T, n1, min(1u, STEPS - 1u));
    ps[i] = read_param(t + i * T, n1, min(1u, STEPS - 1u));
  }
  workgroupBarrier();
  for (var h = 0u; h < AHEAD; h++) { // unroll
    for (var i = 0u; i < FM; i++) { // unroll
      a[h * FM + i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&x, a_from + i * A_16 + h * A_K, 2u);
    }
  }

  for (var pair = 0u; pair < STEPS / 2u * 2u + zero; pair += 2u) {
    // turn
    {
      let step = pair + TURN;
      let after = min(step + 2u, STEPS - 1u);
      let a_now = a_from + step * (KK * A_K);
      let a_next = a_from + min(step + 1u, STEPS - 1u) * (KK * A_K);
      b[0] = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, W_MAJOR>(&NOW, b_from, LINE);
      // g: 16 of n of 16 of k.
      for (var g = 0u; g < KK_FN; g++) { // unroll
        for (var i = 0u; i < FM; i++) { // unroll
          if (g % FN == 0u) {
            a[(g / FN + AHEAD) % SETS * FM + i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&x,
              select(a_now + (g / FN + AHEAD) * A_K, a_next + (g / FN + AHEAD) % KK * A_K, g / FN + AHEAD >= KK) + i * A_16, 2u);
          }
        }
        if (g + 1u < KK_FN) {
          b[(g + 1u) % 2u] = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, W_MAJOR>(&NOW,
            b_from + (g + 1u) % FN * B_16 + (g + 1u) / FN * B_K, LINE);
        }
        for (var q = 0u; q < PIECES; q++) { // unroll
          if (g == q * KK_FN / PIECES) {
            NEXT[to_stage(t + q / W_VECTORS * T) + q % W_VECTORS] = halves(ws[q / W_VECTORS], ps[q / W_VECTORS], q % W_VECTORS, magic);
            if (q % W_VECTORS == W_VECTORS - 1u) {
              ws[q / W_VECTORS] = read_w(t + q / W_VECTORS * T, n1, after);
              ps[q / W_VECTORS] = read_param(t + q / W_VECTORS * T, n1, after);
            }
          }
        }
        for (var i = 0u; i < FM; i++) { // unroll
          acc[i * FN + g % FN] = subgroupMatrixMultiplyAccumulate(a[g / FN % SETS * FM + i], b[g % 2u], acc[i * FN + g % FN]);
        }
      }
      workgroupBarrier();
    }
    // turn
  }
  // The last of an odd number of steps.
  // last
  if (UPDATE) {
    stage_b(n1, t);
    workgroupBarrier();
    for (var s = 0u; s < UPDATE_KK; s++) { // unroll
      for (var i = 0u; i < FM; i++) { // unroll
        a[i] = load_h(m1 + sm + i * 16u, n1, s);
      }
      for (var j = 0u; j < FN; j++) { // unroll
        b[0] = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&stage, (sn + j * 16u) * LINE + s * 2u, LINE);
        for (var i = 0u; i < FM; i++) { // unroll
          acc[i * FN + j] = subgroupMatrixMultiplyAccumulate(a[i], b[0], acc[i * FN + j]);
        }
      }
    }
    workgroupBarrier();
  }

  if (DIRECT && full) {
    for (var i = 0u; i < FM; i++) { // unroll
      for (var j = 0u; j < FN; j++) { // unroll
        store_y(m0 + sm + i * 16u, n0 + sn + j * 16u, acc[i * FN + j]);
      }
    }
    return;
  }
  // A matrix has no element access: 16 rows at a time go through workgroup memory, EW columns of a subgroup at once.
  let strip = subgroup * 16u * STRIP;
  let em = lane / (EW / 4u);
  let en = lane % (EW / 4u);
  for (var i = 0u; i < FM; i++) { // unroll
    for (var h = 0u; h < E_PARTS; h++) { // unroll
      for (var j = 0u; j < EN; j++) { // unroll
        subgroupMatrixStore<row_major>(&stage, strip + j * 4u, acc[i * FN + h * EN + j], STRIP);
      }
      workgroupBarrier();
      for (var e = 0u; e < E_STEPS; e++) { // unroll
        let row = em + e * (16u / E_STEPS);
        let m = m1 + sm + i * 16u + row;
        let n = n1 + sn + h * EW + en * 4u;
        if (full || (m >= m0 && m < rows && n >= n0)) {
          put(m, n, staged(strip + row * STRIP + en), ADD && !(PRELOAD && full));
        }
      }
      workgroupBarrier();
    }
  }
}

/// Where the first of a thread's vectors lies in a stage.
fn to_stage(j: u32) -> u32 { return place(j).x * LINE + place(j).y * W_VECTORS; }
