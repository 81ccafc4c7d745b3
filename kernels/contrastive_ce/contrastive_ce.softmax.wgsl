// losses[q] = log(sum_p exp(s[q, p])) - s[q, targets[q]]
// s[q, p]  := SCALE lossScale / Q * (exp(s[q, p]) / sum_p exp(s[q, p]) - (p == targets[q]))
//
//   s        f32 [Q, STRIDE]   scores in, and the gradient of the mean loss by cosines out
//   targets  u32 [Q]           the column of each query's own passage, below P
//   losses   f32 [Q]
//   batch    (Q, P, f32 bits of lossScale, -)
//
// One workgroup a row. The row's largest score is taken off before exp, so none overflows; the target's difference
// from it is taken before the sum's logarithm is added, so a loss near zero keeps its digits.
// Constants: STRIDE, SCALE (f32), WG (threads, a power of two).

@group(0) @binding(0) var<storage, read_write> s: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(0) @binding(3) var<uniform> batch: vec4<u32>;

var<workgroup> partial: array<f32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let P = batch.y;
  let row = wg.x * STRIDE;
  let wanted = targets[wg.x];
  let own = s[row + wanted];

  var largest = own;
  for (var p = t; p < P; p += WG) { largest = max(largest, s[row + p]); }
  partial[t] = largest;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if (t < half) { partial[t] = max(partial[t], partial[t + half]); }
    workgroupBarrier();
  }
  largest = partial[0];
  // Everyone has read the maximum, and the target's score, before either is overwritten.
  workgroupBarrier();

  var sum = 0.0;
  for (var p = t; p < P; p += WG) { sum += exp(s[row + p] - largest); }
  partial[t] = sum;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if (t < half) { partial[t] += partial[t + half]; }
    workgroupBarrier();
  }
  sum = partial[0];

  let gain = SCALE * bitcast<f32>(batch.z) / f32(batch.x);
  for (var p = t; p < P; p += WG) {
    s[row + p] = gain * (exp(s[row + p] - largest) / sum - select(0.0, 1.0, p == wanted));
  }
  if (t == 0u) { losses[wg.x] = (largest - own) + log(sum); }
}
