// The TOP largest of each row, largest first; of equal ones the lower index first. Exact and deterministic.
//
//   scores   f32 [Q, P], rows P apart
//   values   f32 [Q, TOP]; indices u32 [Q, TOP]; where P < TOP: LOWEST and 0xffffffff fill up
//   dim      (Q, P)
//
// One workgroup a row. Each round finds the best that comes after the last one found, in the order (score falling,
// index rising): each thread over its share of the row, then all together. TOP passes over a row that stays in cache.
// Constants: TOP, WG (a power of two).

@group(0) @binding(0) var<storage, read> scores: array<f32>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> indices: array<u32>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

const LOWEST = -3.4e38;
const NONE = 0xffffffffu;

var<workgroup> score: array<f32, WG>;
var<workgroup> index: array<u32, WG>;

/// Whether (a, i) comes before (b, j).
fn before(a: f32, i: u32, b: f32, j: u32) -> bool { return a > b || (a == b && i < j); }

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let q = wg.x + wg.y * groups.x;
  if (q >= dim.x) { return; }
  var lastScore = 0.0;
  var lastIndex = NONE;
  for (var k = 0u; k < TOP; k++) {
    var best = LOWEST;
    var at = NONE;
    for (var p = t; p < dim.y; p += WG) {
      let s = scores[q * dim.y + p];
      if ((k == 0u || before(lastScore, lastIndex, s, p)) && before(s, p, best, at)) {
        best = s;
        at = p;
      }
    }
    score[t] = best;
    index[t] = at;
    workgroupBarrier();
    for (var half = WG / 2u; half > 0u; half /= 2u) {
      if (t < half && before(score[t + half], index[t + half], score[t], index[t])) {
        score[t] = score[t + half];
        index[t] = index[t + half];
      }
      workgroupBarrier();
    }
    lastScore = score[0];
    lastIndex = index[0];
    workgroupBarrier();
    if (t == 0u) {
      values[q * TOP + k] = lastScore;
      indices[q * TOP + k] = lastIndex;
    }
  }
}
