// dlogits[m, v] = gain (exp(logits[m, v] - lse[m]) - (v == targets[m])); 0 where m is ignored
//
//   logits   Elem [T, V]   the forward's, f16 or f32
//   targets  u32  [T]      below V, or IGNORED
//   lse      f32  [T]      the forward's
//   dlogits  Elem [T, V]   may be logits itself
//   batch    (T, f32 bits of gain, -, -): gain is the loss scale over how many tokens carry loss
//
// One thread PER reads of a row, so that a batch of few rows fills a GPU too. An ignored row is not read.
// Bound by memory: 2 V or 4 V bytes a row in, as many out.
// Constants: IGNORED, READS (in a row: V / WIDTH), PER (reads under way in a thread), WG (threads).
// From logits.*.wgsl: Read, WIDTH, gradient. From cross_entropy.backward.ts: given(i), read i of logits.

@group(0) @binding(0) var<storage, read_write> dlogits: array<Read>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<uniform> batch: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let m = wg.y + wg.z * groups.y;
  if (m >= batch.x) { return; }
  let row = m * READS;
  let first = wg.x * (PER * WG) + t;
  let wanted = targets[m];
  var v: array<Read, PER>;
  if (wanted != IGNORED) {
    for (var k = 0u; k < PER; k++) { // unroll
      if (first + k * WG < READS) { v[k] = given(row + first + k * WG); }
    }
    let sum = lse[m];
    let gain = bitcast<f32>(batch.y);
    for (var k = 0u; k < PER; k++) { // unroll
      v[k] = gradient(v[k], sum, gain, wanted - (first + k * WG) * WIDTH);
    }
  }
  for (var k = 0u; k < PER; k++) { // unroll
    if (first + k * WG < READS) { dlogits[row + first + k * WG] = v[k]; }
  }
}
