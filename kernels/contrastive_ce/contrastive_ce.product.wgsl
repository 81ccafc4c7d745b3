// y[m, c] = sum_k W(m, k) x[k, c],   W(m, k) = TRANSPOSED ? s[k, m] : s[m, k]
//
//   s      f32 [Q, STRIDE]   the gradient by cosines
//   x      f32 [K, C]        passages, or queries where TRANSPOSED
//   y      f32 [M, C]        the gradient of queries, or of passages where TRANSPOSED
//   batch  (Q, P, -, -): M = Q and K = P, the other way round where TRANSPOSED
//
// One workgroup four rows of COLUMNS columns; its SLICES of threads share the k's, so that sixteen rows times
// thousands of k's still fill a GPU, and their sums are joined in a fixed order. A row of x is read for four results.
// Constants: C, STRIDE, TRANSPOSED, COLUMNS, SLICES.

@group(0) @binding(0) var<storage, read> s: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> batch: vec4<u32>;

var<workgroup> partial: array<vec4<f32>, COLUMNS * SLICES>;

fn weight(m: u32, k: u32) -> f32 { return s[select(m * STRIDE + k, k * STRIDE + m, TRANSPOSED)]; }

@compute @workgroup_size(COLUMNS, SLICES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let M = select(batch.x, batch.y, TRANSPOSED);
  let K = select(batch.y, batch.x, TRANSPOSED);
  let c = wg.x * COLUMNS + id.x;
  let column = min(c, C - 1u);
  let first = wg.y * 4u;
  // Rows beyond the last are computed as the last, and not written.
  let m = min(vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(M - 1u));
  var sum = vec4<f32>(0.0);
  for (var k = id.y; k < K; k += SLICES) {
    sum += vec4<f32>(weight(m.x, k), weight(m.y, k), weight(m.z, k), weight(m.w, k)) * x[k * C + column];
  }
  partial[t] = sum;
  workgroupBarrier();
  if (id.y > 0u || c >= C) { return; }
  for (var slice = 1u; slice < SLICES; slice++) { sum += partial[slice * COLUMNS + id.x]; }
  for (var i = 0u; i < min(4u, M - first); i++) { y[(first + i) * C + c] = sum[i]; }
}
