// y[m, COLUMN + n] (+)= SCALE · Σk x[m, k] W[n, k] + bias[n], on subgroup matrices (tensor cores): f16 x f16 -> f32,
// 16 x 16 x 16, sums in f32.
//
//   x      f16 [M, K]     read 8 at a time, K a multiple of BK
//   w      [N, K]         as linear.matrix.q4.wgsl or linear.matrix.dense.wgsl read it
//   y      f16 or f32 [M, LDY], written by linear.matrix.y4.wgsl (four at a time) or .y1.wgsl
//   bias   f32 [N]        bound also where BIAS is false
//   dim.x  rows, at most M
//
// A workgroup makes BM x BN outputs, BK of K at a time. Both operands of a step are staged in workgroup memory as f16,
// W unpacked; each subgroup multiplies WM x WN of the tile with all its accumulators in registers. What the next step
// needs is read while this one is multiplied. Rows of a stage are padded by 16 bytes, so that the eight rows a matrix
// load touches at once lie in different banks. With SLICES = 2 two sets of subgroups share a tile, each with every
// other 16 of K: for grids too small to give a processor more than one tile.
//
// With UPDATE a step follows in which adapters' H and B are staged for x and W (linear.matrix.update.wgsl). As a branch of
// the loop it cost a quarter of the product's time at K = 3584, since what is read ahead then had to be copied.
//
// Bound by what does not overlap: while a step is staged nothing is multiplied, since a processor holds eight subgroups
// and they wait for each other. LADDER.md has what was tried.
//
// Loops marked `unroll` are written out by linear.matrix.ts: a run-time index into an array of matrices costs 16 times
// the time. Constants: M, N, K, LDY, COLUMN, SCALE, ADD, BIAS, the plan (BM .. GROUP_M) and what follows from it.
// Aliases: Packed, Param, Y, Sum (what one thread writes at once: vec4<f32> or f32).

const LINE = BK / 8u + 1u;           // vectors in a row of the stage
const STEPS = K / BK;
const TILES_N = (N + BN - 1u) / BN;
const X_STEP = T / (BK / 8u);        // rows between two loads of a thread
const W_STEP = T / W_PARTS;
const SUBGROUPS = BM / WM * (BN / WN);
const STRIP = EW / 4u + 2u;          // vectors in a row of the epilogue's memory, padded as above

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> w: array<Packed>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

var<workgroup> stage: array<vec4<u32>, (BM + BN) * LINE>;

/// Row and part of a row that load j of a tile takes: 8 lanes in a row write to different banks, 32 bytes stay together.
fn place(j: u32, parts: u32) -> vec2<u32> {
  if (BK == 64u) { return vec2(j / parts, j % parts); }
  if (parts == 4u) { return vec2(j / 32u * 8u + j % 8u / 2u * 2u + j / 8u % 2u, j % 2u + j / 16u % 2u * 2u); }
  return vec2(j / (8u * parts) * 8u + j % 8u, j / 8u % parts);
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let rows = dim.x;
  let at_tile = tile_at(wg.x + wg.y * groups.x, rows);
  if (at_tile.x >= rows || at_tile.y >= N) { return; }
  let m0 = at_tile.x;
  let n0 = at_tile.y;
  // The last tiles move back to end at M and at N: nothing is read out of bounds, and what they repeat is not written.
  let m1 = min(m0, M - BM);
  let n1 = min(n0, N - BN);
  let full = m0 + BM <= rows && n1 == n0;
  // 0 either way, but the compiler does not know it of wg.z: FENCED keeps it from writing the loop out eight times
  // and moving the reads in among the multiplications.
  let zero = select(0u, wg.z, FENCED);
  let magic = vec2(0x64006400u, 0x54005400u) + wg.z;

  let lane = t % 32u;
  let subgroup = t / 32u % SUBGROUPS;
  let slice = t / 32u / SUBGROUPS;
  let sm = subgroup / (BN / WN) * WM;
  let sn = subgroup % (BN / WN) * WN;

  let px = place(t, BK / 8u);
  let pw = place(t, W_PARTS);
  let x_to = px.x * LINE + px.y;
  let w_to = (BM + pw.x) * LINE + pw.y * W_VECTORS;
  let x_from = (m1 + px.x) * (K / 8u) + px.y;
  let w_from = (n1 + pw.x) * (STEPS * W_PARTS) + pw.y;
  let p_from = (n1 + pw.x) * GROUPS;
  let pk = pw.y * (BK / W_PARTS);
  var xs: array<vec4<u32>, X_LOADS>;
  var ws: array<Packed, W_LOADS>;
  var ps: array<Param, W_LOADS>;
  for (var i = 0u; i < X_LOADS; i++) { // unroll
    xs[i] = x[x_from + i * X_STEP * (K / 8u)];
  }
  for (var i = 0u; i < W_LOADS; i++) { // unroll
    ws[i] = w[w_from + i * W_STEP * (STEPS * W_PARTS)];
    ps[i] = param(p_from + i * W_STEP * GROUPS, pk);
  }

  var acc: array<subgroup_matrix_result<f32, 16, 16>, FM * FN>;
  var a: array<subgroup_matrix_left<f16, 16, 16>, FM>;
  let a_from = sm * LINE + slice * 2u;
  let b_from = (BM + sn) * LINE + slice * 2u;
  // What y holds is where the sums start, if one slice has all of them and nothing is scaled.
  if (PRELOAD && full && slice == 0u) {
    for (var i = 0u; i < FM; i++) { // unroll
      for (var j = 0u; j < FN; j++) { // unroll
        acc[i * FN + j] = load_y(m0 + sm + i * 16u, n0 + sn + j * 16u);
      }
    }
  }

  for (var step = 0u; step < STEPS + zero; step++) {
    for (var i = 0u; i < X_LOADS; i++) { // unroll
      stage[x_to + i * X_STEP * LINE] = xs[i];
    }
    for (var i = 0u; i < W_LOADS; i++) { // unroll
      unpack(w_to + i * W_STEP * LINE, ws[i], ps[i], magic);
    }
    if (!FENCED) { workgroupBarrier(); }
    let next = step + 1u;
    if (FENCED || next < STEPS) {
      let from_step = min(next, STEPS - 1u);
      for (var i = 0u; i < X_LOADS; i++) { // unroll
        xs[i] = x[x_from + from_step * (BK / 8u) + i * X_STEP * (K / 8u)];
      }
      for (var i = 0u; i < W_LOADS; i++) { // unroll
        ws[i] = w[w_from + from_step * W_PARTS + i * W_STEP * (STEPS * W_PARTS)];
        ps[i] = param(p_from + i * W_STEP * GROUPS, from_step * BK + pk);
      }
    }
    if (FENCED) { workgroupBarrier(); }
    for (var s = 0u; s < KK; s++) { // unroll
      for (var i = 0u; i < FM; i++) { // unroll
        a[i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&stage, a_from + i * 16u * LINE + s * SLICES * 2u, LINE);
      }
      for (var j = 0u; j < FN; j++) { // unroll
        let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&stage, b_from + j * 16u * LINE + s * SLICES * 2u, LINE);
        for (var i = 0u; i < FM; i++) { // unroll
          acc[i * FN + j] = subgroupMatrixMultiplyAccumulate(a[i], b, acc[i * FN + j]);
        }
      }
    }
    workgroupBarrier();
  }
  if (UPDATE) {
    stage_update(m1, n1, t);
    workgroupBarrier();
    for (var s = 0u; s < UPDATE_KK; s++) { // unroll
      for (var i = 0u; i < FM; i++) { // unroll
        a[i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&stage, a_from + i * 16u * LINE + s * SLICES * 2u, LINE);
      }
      for (var j = 0u; j < FN; j++) { // unroll
        let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&stage, b_from + j * 16u * LINE + s * SLICES * 2u, LINE);
        for (var i = 0u; i < FM; i++) { // unroll
          acc[i * FN + j] = subgroupMatrixMultiplyAccumulate(a[i], b, acc[i * FN + j]);
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
  let strip = (subgroup + slice * SUBGROUPS) * 16u * STRIP;
  let part = lane + slice * 32u;
  let inside = part < E_ROWS * (EW / V);
  let em = part / (EW / V);
  let en = part % (EW / V) * V;
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
          put(m + e * E_ROWS, n, total(at + e * E_ROWS * (STRIP * 4u / V)), ADD && !PRELOAD);
        }
      } else {
        for (var e = 0u; e < E_STEPS; e++) { // unroll
          if (inside && m + e * E_ROWS >= m0 && m + e * E_ROWS < rows && n >= n0) {
            put(m + e * E_ROWS, n, total(at + e * E_ROWS * (STRIP * 4u / V)), ADD);
          }
        }
      }
      workgroupBarrier();
    }
  }
}

/// A sum out of the strip: of both slices, always in the same order.
fn total(at: u32) -> Sum {
  if (SLICES == 1u) { return staged(at); }
  return staged(at) + staged(at + SUBGROUPS * 16u * (STRIP * 4u / V));
}
