// dX[m, k] (+)= SCALE · Σn dY[m, COLUMN + n] W[n, k]: the gradient of y = x Wᵀ with respect to x, as register tiles.
//
//   dY, dX, W   see dy.*.wgsl, dx.*.wgsl, and backward.q4.wgsl with q4.wgsl or backward.dense.wgsl with dense.*.wgsl,
//               all included: the layouts are the forward's, W [N, K] is read along k
//   shape       see shape.backward.wgsl;  mask4, which an adapter's dX is multiplied by: mask.*.wgsl
//   dim.x       M
//
// linear.tile.wgsl with N and K in each other's place: N is summed over, STEP at a time, and W's rows are staged as
// they lie, while dY is transposed on its way in. A workgroup makes TM x TK outputs, a thread BM x BK blocks of 4 x 4.
// Where the outputs are too few to fill a GPU (an adapter's rank), N is cut into spans, each of which writes a dX of
// its own, [spans, PART, K]; sum_parts adds them in order.
// Constants: TM, TK, STEP (a multiple of 4), BM, BK, WG = (TM / 4 BM)(TK / 4 BK), ROLLED: hide from the compiler how
// often loops turn and store in a single one, for a software driver's takes seconds over what is written out; a GPU
// needs it so, since registers have no index. Alias: Stage (f16 or f32).

const ROW_M = TM / 4u + 1u;
const ROW_K = TK / 4u + 1u;
const THREADS_K = TK / (4u * BK);
const THREADS_M = TM / (4u * BM);
const TASKS_Y = TM / 4u * (STEP / 4u);
const TASKS_W = STEP * (TK / W_STEP);

@group(0) @binding(3) var<uniform> dim: vec4<u32>;

var<workgroup> ys: array<vec4<Stage>, STEP * ROW_M>;
var<workgroup> ws: array<vec4<Stage>, STEP * ROW_K>;

fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> { return mat4x4(a.x * b, a.y * b, a.z * b, a.w * b); }

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let m0 = wg.y * TM;
  let k0 = wg.x * TK;
  let tk = t % THREADS_K;
  let tm = t / THREADS_K;
  var acc: array<mat4x4<f32>, BM * BK>;
  let one = select(1u, min(1u, dim.x), ROLLED);

  for (var n0 = wg.z * shape.SPAN; n0 < min((wg.z + 1u) * shape.SPAN, shape.N); n0 += STEP) {
    for (var i = t; i < TASKS_Y + TASKS_W; i += WG) {
      if (i < TASKS_Y) {
        let n = i % (STEP / 4u) * 4u;
        let m = i / (STEP / 4u);
        let row = m0 + 4u * m;
        var v: mat4x4<f32>;
        for (var j = 0u; j < 4u * one; j++) { v[j] = dy4(row + j, n0 + n); }
        v = transpose(v);
        for (var j = 0u; j < 4u; j++) { ys[(n + j) * ROW_M + m] = vec4<Stage>(v[j]); }
      } else {
        let k = (i - TASKS_Y) % (TK / W_STEP) * W_STEP;
        let n = (i - TASKS_Y) / (TK / W_STEP);
        stage_w(n * ROW_K + k / 4u, n0 + n, k0 + k);
      }
    }
    workgroupBarrier();
    for (var n = 0u; n < STEP * one; n++) {
      for (var i = 0u; i < BM; i++) {
        let a = vec4<f32>(ys[n * ROW_M + tm + i * THREADS_M]);
        for (var j = 0u; j < BK; j++) { acc[i * BK + j] += outer(a, vec4<f32>(ws[n * ROW_K + tk + j * THREADS_K])); }
      }
    }
    workgroupBarrier();
  }

  if (ROLLED) {
    for (var e = 0u; e < 4u * one * BM * BK; e++) {
      let m = m0 + 4u * (tm + e / (4u * BK) * THREADS_M) + e % 4u;
      let k = k0 + 4u * (tk + e / 4u % BK * THREADS_K);
      if (m < dim.x) { put4(wg.z * shape.PART + m, m, k, acc[e / 4u][e % 4u]); }
    }
    return;
  }
  for (var i = 0u; i < BM; i++) {
    for (var r = 0u; r < 4u; r++) {
      let m = m0 + 4u * (tm + i * THREADS_M) + r;
      if (m >= dim.x) { return; }
      for (var j = 0u; j < BK; j++) { put4(wg.z * shape.PART + m, m, k0 + 4u * (tk + j * THREADS_K), acc[i * BK + j][r]); }
    }
  }
}
