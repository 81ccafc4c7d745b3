// scores[q, p] = SCALE * queries[q, :] . passages[p, :]
//
//   queries   f32 [Q, C]
//   passages  f32 [P, C]
//   scores    f32 [Q, STRIDE]
//   batch     (Q, P, -, -)
//
// One workgroup 4 x 4 scores: its threads share the channels, each keeps sixteen sums, and a tree joins them. So a
// batch of sixteen queries still fills a GPU, a row is read once for four results, and the order of every sum is fixed.
// Constants: C, STRIDE, SCALE (f32), WG (threads, a power of two, at least 16).

@group(0) @binding(0) var<storage, read> queries: array<f32>;
@group(0) @binding(1) var<storage, read> passages: array<f32>;
@group(0) @binding(2) var<storage, read_write> scores: array<f32>;
@group(0) @binding(3) var<uniform> batch: vec4<u32>;

// Query i's sums with the four passages, by thread: [4, WG].
var<workgroup> partial: array<vec4<f32>, 4u * WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let first = vec2<u32>(wg.y, wg.x) * 4u;
  // Rows beyond the last are read as the last, and not written.
  let offset = vec4<u32>(0u, 1u, 2u, 3u);
  let qRow = min(vec4<u32>(first.x) + offset, vec4<u32>(batch.x - 1u)) * C;
  let pRow = min(vec4<u32>(first.y) + offset, vec4<u32>(batch.y - 1u)) * C;
  var s0 = vec4<f32>(0.0);
  var s1 = vec4<f32>(0.0);
  var s2 = vec4<f32>(0.0);
  var s3 = vec4<f32>(0.0);
  for (var c = t; c < C; c += WG) {
    let p = vec4<f32>(passages[pRow.x + c], passages[pRow.y + c], passages[pRow.z + c], passages[pRow.w + c]);
    s0 += queries[qRow.x + c] * p;
    s1 += queries[qRow.y + c] * p;
    s2 += queries[qRow.z + c] * p;
    s3 += queries[qRow.w + c] * p;
  }
  partial[t] = s0;
  partial[WG + t] = s1;
  partial[2u * WG + t] = s2;
  partial[3u * WG + t] = s3;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if (t < half) {
      for (var i = t; i < 4u * WG; i += WG) { partial[i] += partial[i + half]; }
    }
    workgroupBarrier();
  }
  let q = first.x + t / 4u;
  let p = first.y + t % 4u;
  if (t < 16u && q < batch.x && p < batch.y) { scores[q * STRIDE + p] = SCALE * partial[t / 4u * WG][t % 4u]; }
}
