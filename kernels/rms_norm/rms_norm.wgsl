// y[m, c] = x[m, c] / sqrt(mean_c(x[m, :]^2) + EPS) * weight[c]            (Zhang and Sennrich 2019)
//
//   x       X [M, C]   f32: the residual stream
//   weight  X [C]
//   y       Y [M, C]   f16 where the tier has it: it only feeds matrix multiplications
//   dim.x   M
//   copy    X [M, C]   x once more, where copy.ts binds it: for who wants it after x has changed
//
// One workgroup a row: the row is read twice, the second time from cache, so that a row of any length works
// in 1 KiB of workgroup memory. Bound by memory: 4 C bytes in, 2 or 4 C out.
// Constants: C, VECTORS (X and Y in a row: C, or C / 4), EPS (f32), WG (threads, a power of two).
// Alias: X, Y: vec4 of f32 and of the output's type where 4 divides C, else one number. Included: fn square(X) -> f32, put_copy.

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> weight: array<X>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

var<workgroup> partial: array<f32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let m = wg.x + wg.y * groups.x;
  if (m >= dim.x) { return; }
  let row = m * VECTORS;

  var sum = 0.0;
  for (var c = t; c < VECTORS; c += WG) { sum += square(x[row + c]); }
  partial[t] = sum;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if (t < half) { partial[t] += partial[t + half]; }
    workgroupBarrier();
  }

  let scale = inverseSqrt(partial[0] / f32(C) + EPS);
  for (var c = t; c < VECTORS; c += WG) {
    let v = x[row + c];
    put_copy(row + c, v);
    y[row + c] = Y(v * scale * weight[c]);
  }
}
