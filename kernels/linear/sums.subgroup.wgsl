// Adds MR · NR numbers over a workgroup's threads: within subgroups first, of any size, then over the subgroups.
// Constants: MR, NR, WG, SUBGROUPS (most there can be in a workgroup).

var<workgroup> partial: array<f32, MR * NR * SUBGROUPS>;

/// The total of number i, for thread i.
fn total(acc: ptr<function, array<f32, MR * NR>>, t: u32) -> f32 {
  let size = subgroupAdd(1u);
  for (var i = 0u; i < MR * NR; i++) {
    let sum = subgroupAdd((*acc)[i]);
    if (subgroupElect()) { partial[i * SUBGROUPS + t / size] = sum; }
  }
  workgroupBarrier();
  var sum = 0.0;
  for (var s = 0u; s * size < WG; s++) { sum += partial[t % (MR * NR) * SUBGROUPS + s]; }
  return sum;
}
