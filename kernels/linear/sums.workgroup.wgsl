// Adds MR · NR numbers over a workgroup's threads, by halves. Constants: MR, NR, WG (a power of two).

var<workgroup> partial: array<f32, MR * NR * WG>;

/// The total of number i, for thread i.
fn total(acc: ptr<function, array<f32, MR * NR>>, t: u32) -> f32 {
  for (var i = 0u; i < MR * NR; i++) { partial[i * WG + t] = (*acc)[i]; }
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if (t < half) {
      for (var i = 0u; i < MR * NR; i++) { partial[i * WG + t] += partial[i * WG + t + half]; }
    }
    workgroupBarrier();
  }
  return partial[t % (MR * NR) * WG];
}
