// y[m, COLUMN + n] (+)= SCALE · Σk x[m, k] W[n, k] + bias[n] on subgroup matrices, with matrices of x (and of a W that is
// f16 in memory) loaded straight from the storage buffer. An experiment: tensors and bindings are linear.matrix.wgsl's.
//
// W is unpacked into workgroup memory, in two buffers by turns (BUFFERS = 2): while step k is multiplied, step k + 1 is
// unpacked out of registers and the words of step k + 2 are read; a step ends with its one barrier. With BUFFERS = 1 a
// step is unpacked between two barriers, as in linear.matrix.wgsl. With W_DIRECT there is no stage and no barrier.
//
//   LEFT     sets of left matrices
//   DISTANCE how many 16 of k ahead left matrices are loaded: below LEFT, and 0 where there is one set
//   AHEAD    right matrices that are loaded ahead of the one that is multiplied
//   DEPTH    sets of registers for W's words; with 2 the words of step k + 2 are read as step k starts
//   TURNS    2: two steps are written out, and the buffers are two arrays, which the compiler knows not to overlap
//   LINES    one word of each 128 bytes of x is read two steps ahead, so that the lines are in L1 in time
//
// Loops marked `unroll` and the names in capitals with brackets (LEFT_MATRIX(i, at) ..) are written out by
// linear.direct.ts; between the marks `turn` a step is written out for each buffer.

const LINE = BK / 8u + 1u;           // vectors in a row of the stage: padded as in linear.matrix.wgsl
const STEPS = K / BK;
const TILES_N = (N + BN - 1u) / BN;
const X_STEP = T / (BK / 8u);        // rows between two loads of a thread
const W_STEP = T / W_PARTS;
const STRIP = EW / 4u + 2u;
const BEFORE = 0u;                   // UNPACK: where among the multiplications the next step is unpacked
const AFTER = 1u;
const SPREAD = 2u;

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> w: array<Packed>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

var<workgroup> stage: array<vec4<u32>, STAGE>;
var<workgroup> stage2: array<vec4<u32>, STAGE>;

/// Row and part of a row that load j of a tile takes: 8 lanes in a row write to different banks, 32 bytes stay together.
fn place(j: u32, parts: u32) -> vec2<u32> {
  if (BK == 64u) { return vec2(j / parts, j % parts); }
  if (parts == 4u) { return vec2(j / 32u * 8u + j % 8u / 2u * 2u + j / 8u % 2u, j % 2u + j / 16u % 2u * 2u); }
  return vec2(j / (8u * parts) * 8u + j % 8u, j / 8u % parts);
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let rows = dim.x;
  let tiles_m = (rows + BM - 1u) / BM;
  let index = wg.x + wg.y * groups.x;
  let first = index / (GROUP_M * TILES_N) * GROUP_M;
  if (first >= tiles_m) { return; }
  let height = min(GROUP_M, tiles_m - first);
  let m0 = (first + index % (GROUP_M * TILES_N) % height) * BM;
  let n0 = index % (GROUP_M * TILES_N) / height * BN;
  if (n0 >= N) { return; }
  let m1 = min(m0, M - BM);
  let n1 = min(n0, N - BN);
  let full = m0 + BM <= rows && n1 == n0;
  // 0, which the compiler does not know: it keeps the loop as it is.
  let zero = wg.z;
  let magic = vec2(0x64006400u, 0x54005400u) + wg.z;

  let lane = t % 32u;
  let subgroup = t / 32u;
  let sm = subgroup / (BN / WN) * WM;
  let sn = subgroup % (BN / WN) * WN;

  let px = place(t, BK / 8u);
  let pw = place(t, W_PARTS);
  let x_to = BN * LINE + px.x * LINE + px.y;
  let x_from = (m1 + px.x) * (K / 8u) + px.y;
  let w_to = pw.x * LINE + pw.y * W_VECTORS;
  let w_from = (n1 + pw.x) * (STEPS * W_PARTS) + pw.y;
  let p_from = (n1 + pw.x) * GROUPS;
  let pk = pw.y * (BK / W_PARTS);
  let line_from = (m1 + t % BM) * (K / 8u);
  var xs: array<vec4<u32>, X_LOADS>;
  var ws: array<Packed, DEPTH * W_LOADS>;
  var ps: array<Param, DEPTH * W_LOADS>;
  var seen = 0u;
  var sink = 0u;

  var acc: array<subgroup_matrix_result<f32, 16, 16>, FM * FN>;
  var a: array<subgroup_matrix_left<f16, 16, 16>, LEFT * FM>;
  var b: array<subgroup_matrix_right<f16, 16, 16>, RB>;
  let a_from = select(BN * LINE + sm * LINE, (m1 + sm) * A_ROW, X_DIRECT);
  let b_from = select(sn * LINE, (n1 + sn) * B_ROW, W_DIRECT);
  if (PRELOAD && full) {
    for (var i = 0u; i < FM; i++) { // unroll
      for (var j = 0u; j < FN; j++) { // unroll
        acc[i * FN + j] = load_y(m0 + sm + i * 16u, n0 + sn + j * 16u);
      }
    }
  }

  START
  if (X_DIRECT) {
    for (var h = 0u; h < DISTANCE; h++) { // unroll
      for (var i = 0u; i < FM; i++) { // unroll
        a[h * FM + i] = LEFT_MATRIX(i, a_from + h * A_K);
      }
    }
  }
  if (W_DIRECT) {
    for (var h = 0u; h < AHEAD; h++) { // unroll
      b[h % RB] = RIGHT_MATRIX(h % FN, b_from + h / FN * B_K);
    }
  }

  for (var loop_step = 0u; loop_step < STEPS + zero; loop_step += TURNS) {
    // turn
    {
      let step = loop_step + TURN;
      let next = min(step + 1u, STEPS - 1u);
      let after = min(step + 2u, STEPS - 1u);
      let now_at = step % 2u * FLIP;
      let next_at = FLIP - now_at;
      let a_now = a_from + step * (KK * A_STEP);
      let a_next = a_from + next * (KK * A_STEP);
      let b_now = b_from + now_at + step * (KK * B_STEP);
      let b_next = b_from + next * (KK * B_STEP);
      STEP_START
      for (var g = 0u; g < KK_FN; g++) { // unroll
        // Left matrices: of this 16 of k, or of the next.
        for (var i = 0u; i < FM; i++) { // unroll
          if (g % FN == 0u && (LEFT == 1u || (g == 0u && !X_DIRECT))) {
            a[g / FN % LEFT * FM + i] = LEFT_MATRIX(i, a_now + g / FN * A_K);
          }
          if (DISTANCE > 0u && g % FN == select(0u, i * FN / FM, LEFT_SPREAD) && (X_DIRECT || g / FN + DISTANCE < KK)) {
            a[(g / FN + DISTANCE) % LEFT * FM + i] = LEFT_MATRIX(i, select(a_now + (g / FN + DISTANCE) * A_K, a_next + (g / FN + DISTANCE) % KK * A_K, g / FN + DISTANCE >= KK));
          }
        }
        if (g == 0u && !W_DIRECT) {
          for (var h = 0u; h < AHEAD; h++) { // unroll
            b[h % RB] = RIGHT_MATRIX(h % FN, b_now + h / FN * B_K);
          }
        }
        if (g + AHEAD < KK_FN) {
          b[(g + AHEAD) % RB] = RIGHT_MATRIX((g + AHEAD) % FN, b_now + (g + AHEAD) / FN * B_K);
        } else if (W_DIRECT) {
          b[(g + AHEAD) % RB] = RIGHT_MATRIX((g + AHEAD) % FN, b_next + (g + AHEAD) / FN % KK * B_K);
        }
        AMONG
        for (var i = 0u; i < FM; i++) { // unroll
          acc[i * FN + g % FN] = subgroupMatrixMultiplyAccumulate(a[g / FN % LEFT * FM + i], b[g % RB], acc[i * FN + g % FN]);
        }
      }
      STEP_END
    }
    // turn
  }
  if (LINES && dim.z == 77u) { stage[0] = vec4(sink); }

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
  let inside = lane < E_ROWS * (EW / V);
  let em = lane / (EW / V);
  let en = lane % (EW / V) * V;
  let at = (subgroup * 16u + em) * (STRIP * 4u / V) + en / V;
  for (var i = 0u; i < FM; i++) { // unroll
    for (var h = 0u; h < E_PARTS; h++) { // unroll
      let m = m1 + sm + i * 16u + em;
      let n = n1 + sn + h * EW + en;
      for (var j = 0u; j < EN; j++) { // unroll
        subgroupMatrixStore<row_major>(&stage, strip + j * 4u, acc[i * FN + h * EN + j], STRIP);
      }
      workgroupBarrier();
      if (full && inside) {
        for (var e = 0u; e < E_STEPS; e++) { // unroll
          put(m + e * E_ROWS, n, staged(at + e * E_ROWS * (STRIP * 4u / V)), ADD && !PRELOAD);
        }
      } else {
        for (var e = 0u; e < E_STEPS; e++) { // unroll
          if (inside && m + e * E_ROWS >= m0 && m + e * E_ROWS < rows && n >= n0) {
            put(m + e * E_ROWS, n, staged(at + e * E_ROWS * (STRIP * 4u / V)), ADD);
          }
        }
      }
      workgroupBarrier();
    }
  }
}
