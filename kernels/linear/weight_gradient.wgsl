// dW[n, k] (+)= SCALE · Σm dY[m, COLUMN + n] x[m, k]: the gradient of y = x Wᵀ with respect to W, as register tiles.
//
//   x, dY   see x.*.wgsl and dy.*.wgsl, included; mask.*.wgsl for the mask that x is multiplied by
//   dW      f32 [N, K] from element OFFSET of a buffer on, so that gradients can lie in one flat buffer
//   shape   see shape.backward.wgsl
//   dim.x   M, the rows that are summed over
//
// Both operands are staged as they lie, STEP rows at a time. A workgroup makes TN x TK outputs, a thread BN x BK
// blocks of 4 x 4. The rows are cut into SPLITS spans, one workgroup each, so that few outputs fill a GPU too; with
// more than one, each writes a dW of its own, [SPLITS, PART], and sum_parts adds them in order: no atomics, and the
// same bits every time.
// Constants: TN, TK, STEP, BN, BK, WG = (TN / 4 BN)(TK / 4 BK), SPLITS, ROLLED (see linear.backward.wgsl).
// Alias: Stage (f16 or f32).

const ROW_N = TN / 4u + 1u;
const ROW_K = TK / 4u + 1u;
const THREADS_K = TK / (4u * BK);
const THREADS_N = TN / (4u * BN);
const TASKS_Y = STEP * (TN / 4u);
const TASKS_X = STEP * (TK / 4u);

@group(0) @binding(1) var<storage, read_write> dw: array<f32>;

var<workgroup> ys: array<vec4<Stage>, STEP * ROW_N>;
var<workgroup> xs: array<vec4<Stage>, STEP * ROW_K>;

fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> { return mat4x4(a.x * b, a.y * b, a.z * b, a.w * b); }

fn put4(first: u32, n: u32, k: u32, v: vec4<f32>) {
  for (var j = 0u; j < 4u; j++) {
    if (k + j < shape.K) {
      let i = first + n * shape.K + k + j;
      var sum = shape.SCALE * v[j];
      if (shape.ADD == 1u) { sum += dw[i]; }
      dw[i] = sum;
    }
  }
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let n0 = wg.y * TN;
  let k0 = wg.x * TK;
  let tk = t % THREADS_K;
  let tn = t / THREADS_K;
  var acc: array<mat4x4<f32>, BN * BK>;
  let one = select(1u, min(1u, shape.N), ROLLED);
  let span = (dim.x + SPLITS * STEP - 1u) / (SPLITS * STEP) * STEP;

  for (var m0 = wg.z * span; m0 < min((wg.z + 1u) * span, dim.x); m0 += STEP) {
    for (var i = t; i < TASKS_Y + TASKS_X; i += WG) {
      if (i < TASKS_Y) {
        let n = i % (TN / 4u);
        let m = i / (TN / 4u);
        ys[m * ROW_N + n] = vec4<Stage>(dy4(m0 + m, n0 + 4u * n));
      } else {
        let k = (i - TASKS_Y) % (TK / 4u);
        let m = (i - TASKS_Y) / (TK / 4u);
        xs[m * ROW_K + k] = vec4<Stage>(x4(m0 + m, k0 + 4u * k) * mask4(m0 + m, k0 + 4u * k));
      }
    }
    workgroupBarrier();
    for (var m = 0u; m < STEP * one; m++) {
      for (var i = 0u; i < BN; i++) {
        let a = vec4<f32>(ys[m * ROW_N + tn + i * THREADS_N]);
        for (var j = 0u; j < BK; j++) { acc[i * BK + j] += outer(a, vec4<f32>(xs[m * ROW_K + tk + j * THREADS_K])); }
      }
    }
    workgroupBarrier();
  }

  if (ROLLED) {
    for (var e = 0u; e < 4u * one * BN * BK; e++) {
      let n = n0 + 4u * (tn + e / (4u * BK) * THREADS_N) + e % 4u;
      let k = k0 + 4u * (tk + e / 4u % BK * THREADS_K);
      if (n < shape.N) { put4(shape.OFFSET + wg.z * shape.PART, n, k, acc[e / 4u][e % 4u]); }
    }
    return;
  }
  for (var i = 0u; i < BN; i++) {
    for (var r = 0u; r < 4u; r++) {
      let n = n0 + 4u * (tn + i * THREADS_N) + r;
      if (n >= shape.N) { return; }
      for (var j = 0u; j < BK; j++) { put4(shape.OFFSET + wg.z * shape.PART, n, k0 + 4u * (tk + j * THREADS_K), acc[i * BK + j][r]); }
    }
  }
}
