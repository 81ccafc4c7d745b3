// y[m, c] = keep(m C + c) ? x[m, c] / (1 - p) : 0              (Srivastava et al. 2014, scaled while training)
//
//   x        Elem [M, C]
//   y        Elem [M, C]
//   dim.x    M
//   state    (seed's low word, its high word, step, -)
//   place.x  the site: which dropout of the network this is
//
// keep() is a function of (seed, step, site, index) alone (pcg4d.wgsl, included), so the backward pass is this
// kernel again, with dy for x and dx for y, and no mask is stored. One thread four neighbouring elements, because
// one block of random words serves four. Bound by memory: two Elem moved an element.
// Constants: C, THRESHOLD (p 2^32), GAIN (f32, 1 / (1 - p)), WG (threads). Alias: Elem.

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<Elem>;
@group(0) @binding(2) var<uniform> dim: vec4<u32>;
@group(0) @binding(3) var<uniform> state: vec4<u32>;
@group(0) @binding(4) var<uniform> place: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let block = (wg.x + wg.y * groups.x) * WG + t;
  let first = block * 4u;
  let end = dim.x * C;
  if (first >= end) { return; }
  let stays = keep4(state.xy, state.z, place.x, block, THRESHOLD);
  for (var i = first; i < min(first + 4u, end); i++) {
    y[i] = Elem(select(0.0, f32(x[i]) * GAIN, stays[i - first]));
  }
}
