// losses[m] = lse[m] - logits[m, targets[m]],   lse[m] = log Σv exp(logits[m, v])
//
//   logits   Elem [T, V]   f16 or f32; -inf is a token that cannot come, and one of a row is finite
//   targets  u32  [T]      below V, or IGNORED: a token that carries no loss
//   losses   f32  [T]      0 where ignored
//   lse      f32  [T]      kept for the gradient; 0 where ignored
//   batch.x  T
//
// A row's logits are read once (Milakov and Gimelshein 2018): a pair (top, sum) stands for sum e^top, top being the
// largest logit of those it was made of, and two are added by taking the larger top out of both. The target's distance
// from the largest is taken before log sum is added, so that a loss near zero keeps its digits. An ignored row is not
// read.
// One workgroup a row. Bound by memory: 2 V or 4 V bytes in.
// Constants: IGNORED, READS (in a row: V / WIDTH), PER (reads under way in a thread), WG (threads, a power of two).
// From logits.*.wgsl: Read, WIDTH, largest, total, at.

const LOWEST = -3.4e38;

@group(0) @binding(0) var<storage, read> logits: array<Read>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(0) @binding(3) var<storage, read_write> lse: array<f32>;
@group(0) @binding(4) var<uniform> batch: vec4<u32>;

var<workgroup> pairs: array<vec2<f32>, WG>;

/// a.y e^a.x + b.y e^b.x
fn join(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  let top = max(a.x, b.x);
  return vec2(top, a.y * exp(a.x - top) + b.y * exp(b.x - top));
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let m = wg.x + wg.y * groups.x;
  if (m >= batch.x) { return; }
  let row = m * READS;
  let wanted = targets[m];
  if (wanted == IGNORED) {
    if (t == 0u) {
      losses[m] = 0.0;
      lse[m] = 0.0;
    }
    return;
  }

  var pair = vec2<f32>(LOWEST, 0.0);
  for (var i = t; i < READS; i += PER * WG) {
    // Reads past the row's end repeat its last one, which changes no maximum, and are left out of the sum.
    var v: array<Read, PER>;
    for (var k = 0u; k < PER; k++) { // unroll
      v[k] = logits[row + min(i + k * WG, READS - 1u)];
    }
    var top = LOWEST;
    for (var k = 0u; k < PER; k++) { // unroll
      top = max(top, largest(v[k]));
    }
    var sum = 0.0;
    for (var k = 0u; k < PER; k++) { // unroll
      sum += select(0.0, total(v[k], top), i + k * WG < READS);
    }
    pair = join(pair, vec2(top, sum));
  }

  pairs[t] = pair;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if (t < half) { pairs[t] = join(pairs[t], pairs[t + half]); }
    workgroupBarrier();
  }

  if (t == 0u) {
    let top = pairs[0].x;
    let logSum = log(pairs[0].y);
    losses[m] = (top - at(logits[row + wanted / WIDTH], wanted % WIDTH)) + logSum;
    lse[m] = top + logSum;
  }
}
