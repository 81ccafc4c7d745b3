// out[m, n] (+)= SCALE · mask[m, n] · Σr left[m, r] right[r, n] on subgroup matrices (tensor cores): f16 x f16 -> f32,
// 16 x 16 x 16, sums in f32. The products of training: a linear layer's dX = dY W and dW = dYᵀ x, and an adapter's six.
//
//   left    gemm.f16.wgsl or .f32.wgsl   [m, r], or [r, m] where LEFT_BY_R
//   right   the same, or gemm.q4.wgsl    [n, r], or [r, n] where RIGHT_BY_R
//   out     gemm.out4.wgsl or .out1.wgsl [m, n]
//   dim.x   rows of the batch: they are m and r < R, or, where LEFT_BY_R, they are r and m < OUT_M
//   shape   shape.backward.wgsl; mask.*.wgsl is what MASK_LEFT, MASK_RIGHT and MASK_OUT multiply by
//
// The tile is linear.matrix.wgsl's: a workgroup makes BM x BN outputs, BK of r at a time. Both operands are staged in
// workgroup memory as f16, as they lie: a matrix load takes either order. What the next step needs is read while this
// one is multiplied; it stays as it was read until it is staged, so that converting does not wait for it. Rows of a
// stage are padded by 16 bytes against bank conflicts. r may be cut into SPLITS spans, each a workgroup's with an out
// of its own, PART elements apart; sum_parts adds them in order.
//
// Adapters that lie side by side (BLOCKS, kernels/lora/group.ts) are one product whose blocks meet at EDGE_1 and EDGE_2:
//
//   BLOCKS = 1   the blocks are columns of the sum: out's columns g OUT_N / G .. are sums over r in block g alone,
//                and right [R, RANK] has RANK columns, the same for every block
//   BLOCKS = 2   the blocks are rows of out: those of block g take right's columns g RANK .. + RANK
//   BLOCKS = 3   the blocks are columns of out: those of block g take left's columns g R .. + R
//
// Where the sum is short and added to out, what out holds is read before it is begun (EARLY): among the steps of the
// epilogue each read would wait for the one before.
//
// Reads past an edge are moved inside, so that they are finite; what left has past the end of r is zero, and results
// past the edges are not written. Loops marked `unroll` are written out by gemm.matrix.ts, which also says what
// LEFT_MAJOR and RIGHT_MAJOR are. Constants: OUT_M, OUT_N, R, OUT_LD, OUT_COLUMN, the plan (BM .. SPLITS), what follows
// from it, and the flags above.

const L_ROWS = select(BM, BK, LEFT_BY_R);
const L_PARTS = select(BK, BM, LEFT_BY_R) / 8u;
const L_LINE = L_PARTS + 1u;
const L_UNITS = L_ROWS * L_PARTS;
const R_ROWS = select(BN, BK, RIGHT_BY_R);
const R_PARTS = select(BK, BN, RIGHT_BY_R) / 8u;
const R_LINE = R_PARTS + 1u;
const R_UNITS = R_ROWS * R_PARTS / W_VECTORS;
const R_AT = L_ROWS * L_LINE;
const TILES_N = (OUT_N + BN - 1u) / BN;
const STRIP = EW / 4u + 2u;          // vectors in a row of the epilogue's memory, padded too

@group(0) @binding(3) var<uniform> dim: vec4<u32>;

var<workgroup> stage: array<vec4<u32>, STAGE>;

/// n0: the first column of right; shift: vectors of right, or of left, before its block.
struct Edge { m0: u32, n0: u32, last: u32, end: u32, shift: u32 }

/// Row and vector of left that unit u of step r0 is.
fn left_place(e: Edge, r0: u32, u: u32) -> vec2<u32> {
  if (LEFT_BY_R) { return vec2(min(r0 + u / L_PARTS, e.last), min(e.m0 / 8u + u % L_PARTS, OUT_M / 8u - 1u)); }
  let vector = r0 / 8u + u % L_PARTS;
  let inside = select(vector, min(vector, R / 8u - 1u), TAIL);
  return vec2(min(e.m0 + u / L_PARTS, e.last), inside + select(0u, e.shift, BLOCKS == 3u));
}

fn right_place(e: Edge, r0: u32, u: u32) -> vec2<u32> {
  let row = u * W_VECTORS / R_PARTS;
  let part = u * W_VECTORS % R_PARTS;
  if (RIGHT_BY_R) {
    let vector = min(e.n0 / 8u + part, RANK / 8u - W_VECTORS) + select(0u, e.shift, BLOCKS == 2u);
    if (LEFT_BY_R) { return vec2(min(r0 + row, e.last), vector); }
    return vec2(select(r0 + row, min(r0 + row, R - 1u), TAIL), vector);
  }
  return vec2(min(e.n0 + row, OUT_N - 1u), select(r0 / 8u + part, min(r0 / 8u + part, R / 8u - 1u), TAIL));
}

fn halves(v: mat2x4<f32>) -> vec4<u32> {
  return vec4(bitcast<vec2<u32>>(vec4<f16>(v[0])), bitcast<vec2<u32>>(vec4<f16>(v[1])));
}

fn stage_left(e: Edge, r0: u32, u: u32, raw: LeftRaw) {
  let row = u / L_PARTS;
  let part = u % L_PARTS;
  var v: vec4<u32>;
  if (MASK_LEFT) {
    let x = left_numbers(raw);
    let at = left_place(e, r0, u);
    v = halves(mat2x4(x[0] * mask4(at.x, at.y * 8u), x[1] * mask4(at.x, at.y * 8u + 4u)));
  } else { v = left_halves(raw); }
  if (TAIL && select(r0 + part * 8u, r0 + row, LEFT_BY_R) >= e.end) { v = vec4<u32>(); }
  stage[row * L_LINE + part] = v;
}

fn stage_right(e: Edge, r0: u32, u: u32, raw: RightRaw, magic: vec2<u32>) {
  let row = u * W_VECTORS / R_PARTS;
  let part = u * W_VECTORS % R_PARTS;
  let at = right_place(e, r0, u);
  right_put(R_AT + row * R_LINE + part, raw, at, magic);
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let rows = select(dim.x, OUT_M, LEFT_BY_R);
  let at_tile = tile_at(wg.x + wg.y * groups.x, rows);
  if (at_tile.x >= rows || at_tile.y >= OUT_N) { return; }
  let m0 = at_tile.x;
  let n0 = at_tile.y;
  let along = select(select(m0, n0, BLOCKS == 3u), n0 / RANK, BLOCKS == 1u);
  let g = select(u32(along >= EDGE_1) + u32(along >= EDGE_2), along, BLOCKS == 1u);
  let start = select(0u, select(select(EDGE_2, EDGE_1, g == 1u), 0u, g == 0u), BLOCKS == 1u);
  let until = select(select(R, dim.x, LEFT_BY_R), select(select(R, EDGE_2, g == 1u), EDGE_1, g == 0u), BLOCKS == 1u);
  let span = (until - start + SPLITS * BK - 1u) / (SPLITS * BK) * BK;
  let begin = start + wg.z * span;
  let end = min(begin + span, until);
  let shift = select(select(0u, g * (R / 8u), BLOCKS == 3u), g * (RANK / 8u), BLOCKS == 2u);
  let edge = Edge(m0, select(n0, n0 % RANK, BLOCKS == 1u), max(dim.x, 1u) - 1u, end, shift);
  // What the compiler does not know to be constant stays in registers, as linear.matrix.wgsl has it.
  let magic = vec2(0x64006400u, 0x54005400u) + (wg.x >> 16u);

  let lane = t % 32u;
  let subgroup = t / 32u;
  let sm = subgroup / (BN / WN) * WM;
  let sn = subgroup % (BN / WN) * WN;
  var ls: array<LeftRaw, L_LOADS>;
  var rs: array<RightRaw, R_LOADS>;
  for (var i = 0u; i < L_LOADS; i++) { // unroll
    ls[i] = left_read(left_place(edge, begin, t + i * T));
  }
  for (var i = 0u; i < R_LOADS; i++) { // unroll
    rs[i] = right_read(right_place(edge, begin, t + i * T));
  }
  var acc: array<subgroup_matrix_result<f32, 16, 16>, FM * FN>;
  var a: array<subgroup_matrix_left<f16, 16, 16>, FM>;
  let origin = shape.OFFSET + wg.z * shape.PART;
  var old: array<vec4<Out>, OLD>;
  if (EARLY) {
    for (var i = 0u; i < FM; i++) { // unroll
      for (var h = 0u; h < E_PARTS; h++) { // unroll
        for (var e = 0u; e < E_STEPS; e++) { // unroll
          let m = min(m0 + sm + i * 16u + (lane + e * 32u) / (EW / 4u), rows - 1u);
          let n = min(n0 + sn + h * EW + (lane + e * 32u) % (EW / 4u) * 4u, OUT_N - 4u);
          old[(i * E_PARTS + h) * E_STEPS + e] = get4(origin + m * OUT_LD + OUT_COLUMN, n);
        }
      }
    }
  }

  for (var r0 = begin; r0 < end; r0 += BK) {
    for (var i = 0u; i < L_LOADS; i++) { // unroll
      if (L_UNITS % T == 0u || t + i * T < L_UNITS) { stage_left(edge, r0, t + i * T, ls[i]); }
    }
    for (var i = 0u; i < R_LOADS; i++) { // unroll
      if (R_UNITS % T == 0u || t + i * T < R_UNITS) { stage_right(edge, r0, t + i * T, rs[i], magic); }
    }
    workgroupBarrier();
    if (r0 + BK < end) {
      for (var i = 0u; i < L_LOADS; i++) { // unroll
        ls[i] = left_read(left_place(edge, r0 + BK, t + i * T));
      }
      for (var i = 0u; i < R_LOADS; i++) { // unroll
        rs[i] = right_read(right_place(edge, r0 + BK, t + i * T));
      }
    }
    for (var s = 0u; s < KK; s++) { // unroll
      for (var i = 0u; i < FM; i++) { // unroll
        let at = select((sm + i * 16u) * L_LINE + s * 2u, s * 16u * L_LINE + sm / 8u + i * 2u, LEFT_BY_R);
        a[i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, LEFT_MAJOR>(&stage, at, L_LINE);
      }
      for (var j = 0u; j < FN; j++) { // unroll
        let at = R_AT + select((sn + j * 16u) * R_LINE + s * 2u, s * 16u * R_LINE + sn / 8u + j * 2u, RIGHT_BY_R);
        let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, RIGHT_MAJOR>(&stage, at, R_LINE);
        for (var i = 0u; i < FM; i++) { // unroll
          acc[i * FN + j] = subgroupMatrixMultiplyAccumulate(a[i], b, acc[i * FN + j]);
        }
      }
    }
    workgroupBarrier();
  }

  if (DIRECT && m0 + BM <= rows && n0 + BN <= OUT_N) {
    for (var i = 0u; i < FM; i++) { // unroll
      for (var j = 0u; j < FN; j++) { // unroll
        store_out(origin + (m0 + sm + i * 16u) * OUT_LD + OUT_COLUMN + n0 + sn + j * 16u, acc[i * FN + j]);
      }
    }
    return;
  }
  // A matrix has no element access: 16 rows at a time go through workgroup memory, EW columns of a subgroup at once.
  let strip = subgroup * 16u * STRIP;
  for (var i = 0u; i < FM; i++) { // unroll
    for (var h = 0u; h < E_PARTS; h++) { // unroll
      for (var j = 0u; j < EN; j++) { // unroll
        subgroupMatrixStore<row_major>(&stage, strip + j * 4u, acc[i * FN + h * EN + j], STRIP);
      }
      workgroupBarrier();
      for (var e = 0u; e < E_STEPS; e++) { // unroll
        let em = (lane + e * 32u) / (EW / 4u);
        let en = (lane + e * 32u) % (EW / 4u);
        let m = m0 + sm + i * 16u + em;
        let n = n0 + sn + h * EW + en * 4u;
        if (m < rows && n < OUT_N) {
          var v = shape.SCALE * bitcast<vec4<f32>>(stage[strip + em * STRIP + en]);
          if (MASK_OUT) { v *= mask4(m, n); }
          if (EARLY) { v += vec4<f32>(old[(i * E_PARTS + h) * E_STEPS + e]); }
          put4(origin + m * OUT_LD + OUT_COLUMN, n, v);
        }
      }
      workgroupBarrier();
    }
  }
}
