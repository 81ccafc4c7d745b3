// dx[s, :] = (dy - y (y . dy)) / |x|,  y = x[s, :] / |x|: what lies along y is taken out, and the rest scaled.
// Where |x| <= 1e-12 the forward divides by 1e-12 whatever x is, and so dx = dy / 1e-12.
//
//   x      f32 [S, C]
//   dy     f32 [S, C]
//   dx     f32 [S, C]
//   dim.x  S
//
// One workgroup a row, read twice, the second time from cache; both sums are made in one pass.
// Constants: C, WG (threads, a power of two).

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

var<workgroup> partial: array<vec2<f32>, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let s = wg.x + wg.y * groups.x;
  if (s >= dim.x) { return; }
  let row = s * C;

  var sum = vec2<f32>();
  for (var c = t; c < C; c += WG) { sum += vec2(x[row + c], dy[row + c]) * x[row + c]; }
  partial[t] = sum;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if (t < half) { partial[t] += partial[t + half]; }
    workgroupBarrier();
  }

  let length = sqrt(partial[0].x);
  let norm = max(length, 1e-12);
  // y . dy / |x|; the quotients one by one, for |x|^2 may be too small a number for f32.
  let along = select(0.0, partial[0].y / norm / norm, length > 1e-12);
  for (var c = t; c < C; c += WG) { dx[row + c] = (dy[row + c] - along * x[row + c]) / norm; }
}
