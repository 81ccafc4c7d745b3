// dx[m, c] (+)= s (g[c] - n[c] mean_c(g n)),  g = dy[m, :] * weight,  n = s x[m, :],  s = 1 / sqrt(mean_c(x^2) + EPS)
//
//   x       f32  [M, C]
//   weight  f32  [C]
//   dy      Elem [M, C]
//   dx      f32  [M, C]   with ADD the residual stream's gradient goes on through it: dx is added to
//   scales  f32  [M]      s, which the weight's gradient needs again
//   dim.x   M
//   copy    Elem [M, C]   dx once more, as products read it, where copy.ts binds it
//
// One workgroup a row; x and dy are read twice, the second time from cache, and both sums are made in one pass.
// Bound by memory: 8 C + 2 C or 4 C bytes in, 4 C out. Constants: C, EPS (f32), ADD, WG (a power of two). Alias: Elem.
// Included: put_copy, for which X is f32.

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<Elem>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<storage, read_write> scales: array<f32>;
@group(0) @binding(5) var<uniform> dim: vec4<u32>;

var<workgroup> partial: array<vec2<f32>, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let m = wg.x + wg.y * groups.x;
  if (m >= dim.x) { return; }
  let row = m * C;

  var sum = vec2<f32>();
  for (var c = t; c < C; c += WG) {
    let v = x[row + c];
    sum += vec2(v, f32(dy[row + c]) * weight[c]) * v;
  }
  partial[t] = sum;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if (t < half) { partial[t] += partial[t + half]; }
    workgroupBarrier();
  }

  let scale = inverseSqrt(partial[0].x / f32(C) + EPS);
  let along = partial[0].y / f32(C) * scale * scale;
  if (t == 0u) { scales[m] = scale; }
  for (var c = t; c < C; c += WG) {
    var d = scale * (f32(dy[row + c]) * weight[c] - x[row + c] * along);
    if (ADD) { d += dx[row + c]; }
    dx[row + c] = d;
    put_copy(row + c, d);
  }
}
