// y[m, COLUMN + n] (+)= SCALE · sx[m] · sw[n] · Σk x[m, k] W[n, k] + bias[n] for many rows, x and W in i8, on subgroup matrices
// (tensor cores): i8 x i8 -> i32, 16 x 16 x 32. The sums are whole numbers and exact: 127 · 127 · K < 2^31 up to K = 133,000.
//
//   x       i8 in tiles of 16 x 32 (int8.quantize.wgsl), rows rounded up to M16; matrices are loaded straight from it
//   w       i8 in tiles of 16 x 32 (int8.rows.wgsl, int8.columns.wgsl), rows rounded up to 16; copied to workgroup memory in rows
//   y       f16 or f32 [M, LDY], four at a time (Y)
//   sx, sw  f32 [M], [N]
//   bias    f32 [N]        bound also where BIAS is false
//   dim.x   rows, at most M
//
// After linear.tall.wgsl: a workgroup makes BM x BN outputs, BK of k at a time, a subgroup WM x WN of them; matrices of x are
// loaded AHEAD times 32 of k before they are multiplied. They are loaded past the end of a row of tiles as well, and never
// used: x has AHEAD tiles more than it needs at its end. W has two stages, by turns.
//
// Loops marked `unroll` are written out by int8.ts, and what is between the marks `turn` once for each stage, and at the mark
// `last` for an odd step: NOW is the stage that is multiplied, NEXT the one that is filled. Constants: M16, N, K (as in the
// tiles, a multiple of BK), LDY, COLUMN, SCALE, ADD, BIAS, and what int8.ts makes of the plan.

const STEPS = K / BK;
const TILES_N = (N + BN - 1u) / BN;
const N16 = (N + 15u) / 16u * 16u;
const LINE = BK / 16u + 1u;      // vectors in a row of a stage: odd, so that eight rows of one column lie in different banks
const STRIP = 6u;                // vectors in a row of the epilogue's memory, 16 columns, padded too
const TILES_K = K;               // vectors from a tile to the one below
const TILE = 32u;                // and to the next 32 of k

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;
@group(0) @binding(4) var<storage, read> sx: array<f32>;
@group(0) @binding(5) var<storage, read> sw: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> bias: array<vec4<f32>>;

var<workgroup> stage: array<vec4<u32>, STAGE>;
var<workgroup> stage2: array<vec4<u32>, STAGE>;

/// Vector j of a step of W.
fn read_w(j: u32, n1: u32, step: u32) -> vec4<u32> { return w[(n1 / 16u + j / BK) * TILES_K + step * BK + j % BK]; }
/// Where it lies in a stage: eight neighbours are eight rows of one column.
fn to_stage(j: u32) -> u32 { return (j / BK * 16u + j / 16u % 2u * 8u + j % 8u) * LINE + j % BK / 32u * 2u + j / 8u % 2u; }

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let rows = dim.x;
  let at_tile = tile_at(wg.x + wg.y * groups.x, rows);
  if (at_tile.x >= rows || at_tile.y >= N) { return; }
  let m0 = at_tile.x;
  let n0 = at_tile.y;
  // The last tiles move back to end at M16 and at N16: nothing is read out of bounds, and what they repeat is not written.
  let m1 = min(m0, M16 - BM);
  let n1 = min(n0, N16 - BN);
  let full = m0 + BM <= rows && n0 + BN <= N;
  // 0, which the compiler does not know: it keeps the loop as it is.
  let zero = wg.z;

  let lane = t % 32u;
  let subgroup = t / 32u;
  let sm = subgroup / (BN / WN) * WM;
  let sn = subgroup % (BN / WN) * WN;
  let a_from = (m1 + sm) / 16u * TILES_K;
  let b_from = sn * LINE;
  var ws: array<vec4<u32>, W_LOADS>;
  var acc: array<subgroup_matrix_result<i32, 16, 16>, FM * FN>;
  var a: array<subgroup_matrix_left<i8, 32, 16>, SETS * FM>;
  var b: array<subgroup_matrix_right<i8, 16, 32>, 2>;

  // The first step is staged, the second read.
  for (var i = 0u; i < W_LOADS; i++) { // unroll
    ws[i] = read_w(t + i * T, n1, 0u);
  }
  for (var i = 0u; i < W_LOADS; i++) { // unroll
    stage[to_stage(t + i * T)] = ws[i];
    ws[i] = read_w(t + i * T, n1, min(1u, STEPS - 1u));
  }
  workgroupBarrier();
  for (var h = 0u; h < AHEAD; h++) { // unroll
    for (var i = 0u; i < FM; i++) { // unroll
      a[h * FM + i] = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(&x, a_from + i * TILES_K + h * TILE, 2u);
    }
  }

  for (var pair = 0u; pair < STEPS / 2u * 2u + zero; pair += 2u) {
    // turn
    {
      let step = pair + TURN;
      let after = min(step + 2u, STEPS - 1u);
      let a_now = a_from + step * BK;
      b[0] = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(&NOW, b_from, LINE);
      // g: 16 of n of 32 of k.
      for (var g = 0u; g < KK_FN; g++) { // unroll
        for (var i = 0u; i < FM; i++) { // unroll
          if (g % FN == 0u) {
            a[(TURN * KK + g / FN + AHEAD) % SETS * FM + i] = subgroupMatrixLoad<subgroup_matrix_left<i8, 32, 16>, row_major>(
              &x, a_now + i * TILES_K + (g / FN + AHEAD) * TILE, 2u);
          }
        }
        if (g + 1u < KK_FN) {
          b[(g + 1u) % 2u] = subgroupMatrixLoad<subgroup_matrix_right<i8, 16, 32>, col_major>(
            &NOW, b_from + (g + 1u) % FN * 16u * LINE + (g + 1u) / FN * 2u, LINE);
        }
        for (var q = 0u; q < W_LOADS; q++) { // unroll
          if (g == q * KK_FN / W_LOADS) {
            NEXT[to_stage(t + q * T)] = ws[q];
            ws[q] = read_w(t + q * T, n1, after);
          }
        }
        for (var i = 0u; i < FM; i++) { // unroll
          acc[i * FN + g % FN] = subgroupMatrixMultiplyAccumulate(
            a[(TURN * KK + g / FN) % SETS * FM + i], b[g % 2u], acc[i * FN + g % FN]);
        }
      }
      workgroupBarrier();
    }
    // turn
  }
  // The last of an odd number of steps.
  // last

  // A matrix has no element access: 16 rows and columns of a subgroup at a time go through workgroup memory.
  let strip = subgroup * 16u * STRIP;
  for (var i = 0u; i < FM; i++) { // unroll
    for (var j = 0u; j < FN; j++) { // unroll
      subgroupMatrixStore<row_major>(&stage, strip, acc[i * FN + j], STRIP);
      workgroupBarrier();
      for (var e = 0u; e < HALVES; e++) { // unroll
        let row = lane / 4u + e * 8u;
        let m = m1 + sm + i * 16u + row;
        let n = n1 + sn + j * 16u + lane % 4u * 4u;
        if (full || (m >= m0 && m < rows && n >= n0 && n < N)) { put(m, n, stage[strip + row * STRIP + lane % 4u]); }
      }
      workgroupBarrier();
    }
  }
}

fn put(m: u32, n: u32, sum: vec4<u32>) {
  var v = vec4<f32>(bitcast<vec4<i32>>(sum)) * (SCALE * sx[m] * sw[n / 4u]);
  if (BIAS) { v += bias[n / 4u]; }
  let at = (m * LDY + COLUMN + n) / 4u;
  if (ADD) { v += vec4<f32>(y[at]); }
  y[at] = vec4<Y>(v);
}
