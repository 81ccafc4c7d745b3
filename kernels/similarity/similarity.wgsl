// y[q, p] = queries[q, :] . passages[p, :]: the cosine, where both are unit vectors.
//
//   queries   f32 [Q, C]
//   passages  f32 [P, C]
//   y         f32 [Q, P], rows P apart
//   dim       (Q, P)
//
// A workgroup of 16 x 16 threads makes 32 x 32 outputs, 2 x 2 a thread, from tiles of 32 rows and BK channels in
// workgroup memory. Rows there are BK + 1 apart, so that neighbours, which read different rows, read different banks.
// Constants: C.

@group(0) @binding(0) var<storage, read> queries: array<f32>;
@group(0) @binding(1) var<storage, read> passages: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

const BK = 16u;
const STRIDE = BK + 1u;

var<workgroup> a: array<f32, 32u * STRIDE>;
var<workgroup> b: array<f32, 32u * STRIDE>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let q0 = wg.y * 32u;
  let p0 = wg.x * 32u;
  let tq = t / 16u;
  let tp = t % 16u;
  var s = vec4<f32>();
  for (var c0 = 0u; c0 < C; c0 += BK) {
    for (var i = t; i < 32u * BK; i += 256u) {
      let row = i / BK;
      let c = c0 + i % BK;
      a[row * STRIDE + i % BK] = select(0.0, queries[min(q0 + row, dim.x - 1u) * C + min(c, C - 1u)], c < C);
      b[row * STRIDE + i % BK] = select(0.0, passages[min(p0 + row, dim.y - 1u) * C + min(c, C - 1u)], c < C);
    }
    workgroupBarrier();
    for (var k = 0u; k < BK; k++) {
      let q = vec2(a[tq * STRIDE + k], a[(tq + 16u) * STRIDE + k]);
      let p = vec2(b[tp * STRIDE + k], b[(tp + 16u) * STRIDE + k]);
      s += q.xxyy * p.xyxy;
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i++) {
    let q = q0 + tq + 16u * (i / 2u);
    let p = p0 + tp + 16u * (i % 2u);
    if (q < dim.x && p < dim.y) { y[q * dim.y + p] = s[i]; }
  }
}
