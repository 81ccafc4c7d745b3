// y[m, COLUMN + n] (+)= SCALE · Σk x[m, k] W[n, k] + bias[n] for 16 to 64 rows of f16 x and int4 W, on subgroup matrices.
//
//   x       f16 [M, K], 8 halves a read         words   u32 [N, K / 8], four a read
//   params  Param [N, GROUPS]                   shape, dim and put   see shape.wgsl, y.scalar.wgsl, skinny.parts.wgsl
//
// A workgroup makes BM = 16 FM rows of BN = 16 FN SN columns: SN subgroups beside each other, which share staged x, and
// SK such sets, each with every SKth 128 of K; SPLITS workgroups share K where that is not enough. A lane reads 16
// bytes of a row of W, so that four read 64 in a row, D steps ahead, and stages the halves of them by turns: 64 of K,
// not consecutive but 16 by 16. Rows of W past N repeat its last, rows of x past the last repeat that, x past K is 0.
// Constants: FM, FN, SN, SK, D, SPLITS, PER (reads of a group), PARAMS_AT. Alias: Param.

const BM = 16u * FM;
const ROWS = 16u * FN;               // of W, that a subgroup takes
const BN = ROWS * SN;
const T = 32u * SN * SK;
const LINE = 9u;                     // vectors in a staged row: 64 of K and a padding
const W_AT = SK * BM * LINE;
const STRIP = 4u * FN;               // vectors in a row of the epilogue's

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> words: array<vec4<u32>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;
@group(0) @binding(PARAMS_AT) var<storage, read> params: array<Param>;

var<workgroup> stage: array<vec4<u32>, W_AT + SK * SN * ROWS * LINE>;

alias Pair = vec2<f16>;
/// 8 weights in order.
fn weights(word: u32, p: Affine) -> vec4<u32> {
  let w04 = from_1024(bitcast<Pair>((word & 0x000f000fu) | 0x64006400u), p);
  let w15 = from_64(bitcast<Pair>((word & 0x00f000f0u) | 0x54005400u), p);
  let w26 = from_1024(bitcast<Pair>(((word >> 8u) & 0x000f000fu) | 0x64006400u), p);
  let w37 = from_64(bitcast<Pair>(((word >> 8u) & 0x00f000f0u) | 0x54005400u), p);
  return vec4(
    bitcast<u32>(Pair(w04.x, w15.x)), bitcast<u32>(Pair(w26.x, w37.x)),
    bitcast<u32>(Pair(w04.y, w15.y)), bitcast<u32>(Pair(w26.y, w37.y)));
}

/// Vector `part` of row m of x, or 0.
fn read_x(m: u32, part: u32, inside: bool) -> vec4<u32> {
  let vectors = shape.K / 8u;
  let v = x[min(m, dim.x - 1u) * vectors + min(part, vectors - 1u)];
  return select(vec4<u32>(), v, inside && part < vectors);
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let n0 = (wg.x + wg.y * groups.x) * BN;
  let split = wg.z % SPLITS;
  let m0 = wg.z / SPLITS * BM;
  let lane = t % 32u;
  let subgroup = t / 32u;
  let sk = subgroup / SN;
  let sn = subgroup % SN;
  let chunks = shape.K / 32u;
  let share = ((chunks + 3u) / 4u + SPLITS - 1u) / SPLITS;
  let origin = split * share + sk;
  let last = min((chunks + 3u) / 4u, (split + 1u) * share);
  let rounds = (share + SK - 1u) / SK;

  // Of x a thread stages vector tx % 8 of row tx / 8 and every 4 SN rows on: two vectors of each of four 32s of K.
  let tx = sn * 32u + lane;
  let x_part = tx % 8u / 2u * 4u + tx % 2u;
  let x_to = (sk * BM + tx / 8u) * LINE + tx % 8u;
  let w_to = W_AT + (subgroup * ROWS + lane / 4u) * LINE + lane % 4u * 2u;
  let w_row = n0 + sn * ROWS + lane / 4u;
  var xs: array<vec4<u32>, X_HELD>;
  var ws: array<vec4<u32>, W_HELD>;
  var ps: array<Param, W_HELD>;
  var acc: array<subgroup_matrix_result<f32, 16, 16>, SUMS>;
  var a: array<subgroup_matrix_left<f16, 16, 16>, FM>;

  for (var d = 0u; d < D; d++) { // unroll
    let step = origin + d * SK;
    let c = min(step * 4u + lane % 4u, chunks - 1u);
    for (var l = 0u; l < W_LOADS; l++) { // unroll
      let n = min(w_row + l * 8u, shape.N - 1u);
      ws[d * W_LOADS + l] = words[n * chunks + c];
      ps[d * W_LOADS + l] = params[n * shape.GROUPS + c / PER];
    }
    for (var l = 0u; l < X_LOADS; l++) { // unroll
      let m = m0 + tx / 8u + l / 2u * (4u * SN);
      xs[d * X_LOADS + l] = read_x(m, step * 16u + x_part + l % 2u * 2u, step < last);
    }
  }
  for (var i = 0u; i < rounds; i += D) {
    for (var d = 0u; d < D; d++) { // unroll
      if (D == 1u || i + d < rounds) {
        for (var h = 0u; h < HALVES; h++) { // unroll
          workgroupBarrier();
          for (var l = 0u; l < X_ROWS; l++) { // unroll
            stage[x_to + l * (4u * SN) * LINE] = xs[d * X_LOADS + l * 2u + h];
          }
          for (var l = 0u; l < W_LOADS; l++) { // unroll
            let p = affine(ps[d * W_LOADS + l]);
            stage[w_to + l * 8u * LINE] = weights(ws[d * W_LOADS + l][h * 2u], p);
            stage[w_to + l * 8u * LINE + 1u] = weights(ws[d * W_LOADS + l][h * 2u + 1u], p);
          }
          if (h == 1u) {
            let step = origin + (i + d + D) * SK;
            let c = min(step * 4u + lane % 4u, chunks - 1u);
            for (var l = 0u; l < W_LOADS; l++) { // unroll
              let n = min(w_row + l * 8u, shape.N - 1u);
              ws[d * W_LOADS + l] = words[n * chunks + c];
              ps[d * W_LOADS + l] = params[n * shape.GROUPS + c / PER];
            }
            for (var l = 0u; l < X_LOADS; l++) { // unroll
              let m = m0 + tx / 8u + l / 2u * (4u * SN);
              xs[d * X_LOADS + l] = read_x(m, step * 16u + x_part + l % 2u * 2u, step < last);
            }
          }
          workgroupBarrier();
          for (var k = 0u; k < FOUR; k++) { // unroll
            for (var f = 0u; f < FM; f++) { // unroll
              a[f] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&stage, (sk * BM + f * 16u) * LINE + k * 2u, LINE);
            }
            for (var j = 0u; j < FN; j++) { // unroll
              let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&stage, W_AT + (subgroup * ROWS + j * 16u) * LINE + k * 2u, LINE);
              for (var f = 0u; f < FM; f++) { // unroll
                acc[f * FN + j] = subgroupMatrixMultiplyAccumulate(a[f], b, acc[f * FN + j]);
              }
            }
          }
        }
      }
    }
  }

  // 16 rows at a time: the sets' sums lie in workgroup memory and are added in order.
  for (var f = 0u; f < FM; f++) { // unroll
    workgroupBarrier();
    for (var j = 0u; j < FN; j++) { // unroll
      subgroupMatrixStore<row_major>(&stage, subgroup * 16u * STRIP + j * 4u, acc[f * FN + j], STRIP);
    }
    workgroupBarrier();
    for (var o = t; o < 16u * BN; o += T) {
      let m = m0 + f * 16u + o / BN;
      let column = o % BN;
      let at = (column / ROWS * 16u + o / BN) * STRIP + column % ROWS / 4u;
      var sum = 0.0;
      for (var s = 0u; s < SK; s++) { sum += bitcast<f32>(stage[at + s * SN * 16u * STRIP][column % 4u]); }
      if (m < dim.x) { put(m, n0 + column, sum, split); }
    }
  }
}
