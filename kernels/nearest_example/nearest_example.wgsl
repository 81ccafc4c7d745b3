// y[q, n] = (1 - W) scores[q, n] + W max similar[q, e] over the examples e that bear name n and come from another question
// than q; scores[q, n] where there is none.
//
//   scores   f32 [Q, N], rows N apart   cosines of queries and names
//   similar  f32 [Q, E], rows E apart   cosines of queries and examples
//   y        f32 [Q, N], rows N apart
//   first    u32 [N + 1]                examples of n are those from first[n] up to first[n + 1]
//   origin   u32 [E]                    the question that an example comes from
//   own      u32 [Q]                    the question of q, or a number that no example has
//   dim      (Q, N); E = first[N]
//
// A thread makes one score. Constants: W.

@group(0) @binding(0) var<storage, read> scores: array<f32>;
@group(0) @binding(1) var<storage, read> similar: array<f32>;
@group(0) @binding(2) var<storage, read> first: array<u32>;
@group(0) @binding(3) var<storage, read> origin: array<u32>;
@group(0) @binding(4) var<storage, read> own: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<uniform> dim: vec4<u32>;

const NONE = -3.4e38;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let q = wg.y;
  let n = wg.x * 64u + t;
  if (n >= dim.y) { return; }
  let row = q * first[dim.y];
  var best = NONE;
  for (var e = first[n]; e < first[n + 1u]; e++) {
    if (origin[e] != own[q]) { best = max(best, similar[row + e]); }
  }
  let score = scores[q * dim.y + n];
  y[q * dim.y + n] = select(score, fma(W, best - score, score), best > NONE);
}
