// Adds MR · NR numbers over a workgroup's threads: first WG / (MR NR) threads a number, each a stretch of it, then one.
// Constants: MR, NR, WG (a multiple of MR NR).

const SUMS = MR * NR;
const PARTS = WG / SUMS;

var<workgroup> partial: array<f32, WG * SUMS>;
var<workgroup> parts: array<f32, WG>;

/// The total of number i, for thread i.
fn total(acc: ptr<function, array<f32, MR * NR>>, t: u32) -> f32 {
  for (var i = 0u; i < SUMS; i++) { partial[i * WG + t] = (*acc)[i]; }
  workgroupBarrier();
  var part = 0.0;
  for (var i = 0u; i < SUMS; i++) { part += partial[t * SUMS + i]; }
  parts[t] = part;
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < PARTS; i++) { sum += parts[t % SUMS * PARTS + i]; }
  return sum;
}
