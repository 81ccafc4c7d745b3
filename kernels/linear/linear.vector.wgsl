// y[m, COLUMN + n] (+)= SCALE · Σk x[m, k] W[n, k] + bias[n] for few rows of x: the form for decoding.
//
//   x, y, dim   see x.vec8.*.wgsl (int4) or x.vec4.wgsl, y.scalar.wgsl, which are included
//   W           see vector.q4.wgsl, dense.*.vec4.wgsl
//
// Bound by memory: W is read once for MR rows of x, and from the cache for the next MR. A workgroup takes NR rows of
// W; its threads stride over K, each reading all NR rows at its place, so that neighbours read neighbouring words, NR
// reads are in flight a thread, and x, which stays in the cache, is read once for NR rows. The threads' sums are added
// at the end.
// Constants: MR (rows of x a workgroup takes), NR, WG (MR NR or more).

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let m0 = wg.z * MR;
  let n0 = (wg.x + wg.y * groups.x) * NR;
  var acc: array<f32, MR * NR>;
  for (var c = t; c < shape.K / CHUNK; c += WG) { chunk(&acc, m0, n0, c); }
  let sum = total(&acc, t);
  let m = m0 + t / NR;
  if (t < MR * NR && m < dim.x) { put(m, n0 + t % NR, sum); }
}
