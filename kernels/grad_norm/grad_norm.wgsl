// partial[FIRST + w] = (sum of (g inverse)^2 over workgroup w's share of g, how many of its elements are not finite)
//
//   g        f32 bits [N], as vectors of four
//   partial  vec2<f32> [WORKGROUPS of every tensor]
//   dim.x    f32 bits of the loss scale that the gradients carry: inverse is 1 / dim.x
//
// Bound by memory: g is read once. The number of workgroups depends on N alone and every sum has a fixed order, so the
// same gradients give the same bits. Scaling comes before squaring: a scale of 65,536 would overflow first. What is not
// finite is told by its exponent bits, because a compiler may assume that no float is NaN.
// Constants: N, FIRST, WORKGROUPS, WG (threads, a power of two).

@group(0) @binding(0) var<storage, read> g: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> partial: array<vec2<f32>>;
@group(0) @binding(2) var<uniform> dim: vec4<u32>;

const EXPONENT = 0x7f800000u;
var<workgroup> sums: array<vec2<f32>, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let inverse = 1.0 / bitcast<f32>(dim.x);
  var sum = 0.0;
  var broken = 0.0;
  for (var i = wg.x * WG + t; i < (N + 3u) / 4u; i += WORKGROUPS * WG) {
    // The last vector may reach beyond N, where the buffer holds anything.
    let inside = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(N);
    let bits = select(vec4<u32>(0u), g[i], inside);
    let finite = (bits & vec4<u32>(EXPONENT)) != vec4<u32>(EXPONENT);
    let value = bitcast<vec4<f32>>(select(vec4<u32>(0u), bits, finite)) * inverse;
    sum += dot(value, value);
    broken += dot(select(vec4<f32>(1.0), vec4<f32>(0.0), finite), vec4<f32>(1.0));
  }
  sums[t] = vec2<f32>(sum, broken);
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if (t < half) { sums[t] += sums[t + half]; }
    workgroupBarrier();
  }
  if (t == 0u) { partial[FIRST + wg.x] = sums[0]; }
}
