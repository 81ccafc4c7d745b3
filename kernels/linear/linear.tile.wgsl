// y[m, COLUMN + n] (+)= SCALE · Σk x[m, k] W[n, k] + bias[n], as register tiles over workgroup memory: the form for any GPU.
//
//   x, W, bias, y, dim   see x.*.wgsl, q4.wgsl and dense.*.wgsl, y.*.wgsl, which are included
//
// A workgroup makes TM x TN outputs, stepping through BK of K at a time. Both operands are staged k-major
// (four consecutive rows in a vec4), so that a thread's 4 x 4 outer product reads two vec4s and int4 is unpacked once
// a tile instead of once an output. A thread owns BM x BN such blocks, interleaved with its neighbours' so that
// one subgroup's reads are consecutive. One vec4 of padding a row spreads the staging stores over the banks.
// Constants: TM, TN, BK (multiples of 8), BM, BN, WG = (TM / 4 BM)(TN / 4 BN), ROLLED: hide from the compiler how often
// the long loops turn, for a software driver's takes seconds over what it writes out. Alias: Stage (f16 or f32).

const ROW_X = TM / 4u + 1u;
const ROW_W = TN / 4u + 1u;
const THREADS_N = TN / (4u * BN);
const THREADS_M = TM / (4u * BM);
const TASKS_X = TM / 4u * (BK / 4u);
const TASKS_W = TN / 4u * (BK / W_STEP);

var<workgroup> xs: array<vec4<Stage>, BK * ROW_X>;
var<workgroup> ws: array<vec4<Stage>, BK * ROW_W>;

fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> { return mat4x4(a.x * b, a.y * b, a.z * b, a.w * b); }

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let m0 = wg.y * TM;
  let n0 = wg.x * TN;
  let tn = t % THREADS_N;
  let tm = t / THREADS_N;
  var acc: array<mat4x4<f32>, BM * BN>;
  let once = select(1u, min(1u, dim.x), ROLLED);

  for (var k0 = 0u; k0 < shape.K; k0 += BK) {
    for (var i = t; i < TASKS_X + TASKS_W; i += WG) {
      if (i < TASKS_X) {
        let k = i % (BK / 4u) * 4u;
        let m = i / (BK / 4u);
        let v = transpose(mat4x4(x4(m0 + 4u * m, k0 + k), x4(m0 + 4u * m + 1u, k0 + k), x4(m0 + 4u * m + 2u, k0 + k), x4(m0 + 4u * m + 3u, k0 + k)));
        for (var j = 0u; j < 4u; j++) { xs[(k + j) * ROW_X + m] = vec4<Stage>(v[j]); }
      } else {
        let task = i - TASKS_X;
        let k = task % (BK / W_STEP) * W_STEP;
        let n = task / (BK / W_STEP);
        stage_w(k * ROW_W + n, n0 + 4u * n, k0 + k);
      }
    }
    workgroupBarrier();
    for (var k = 0u; k < BK * once; k++) {
      for (var i = 0u; i < BM; i++) {
        let a = vec4<f32>(xs[k * ROW_X + tm + i * THREADS_M]);
        for (var j = 0u; j < BN; j++) { acc[i * BN + j] += outer(a, vec4<f32>(ws[k * ROW_W + tn + j * THREADS_N])); }
      }
    }
    workgroupBarrier();
  }

  for (var i = 0u; i < BM * once; i++) {
    for (var r = 0u; r < 4u * once; r++) {
      let m = m0 + 4u * (tm + i * THREADS_M) + r;
      if (m >= dim.x) { break; }
      for (var j = 0u; j < BN * once; j++) { put4(m, n0 + 4u * (tn + j * THREADS_N), acc[i * BN + j][r]); }
    }
  }
}
