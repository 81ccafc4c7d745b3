// The gradient of swiglu.wgsl, in place: gateUp's activations become their gradients. With d = dy[t, f] * SCALE and
// s = 1 / (1 + exp(-gate)):
//
//   dgate = d up s (1 + gate (1 - s))      dup = d gate s
//
//   gateUp  Elem [T, 2 F]   in: gate's F columns, then up's; out: their gradients
//   dy      Elem [T, F]
//   dim.x   T
//
// In place because nothing reads the activations afterwards, and they are a layer's widest. One thread a vector of up
// to four columns. Bound by memory: five Elem moved a column. Constants and aliases are swiglu.wgsl's.

@group(0) @binding(0) var<storage, read_write> gateUp: array<Vec>;
@group(0) @binding(1) var<storage, read> dy: array<Vec>;
@group(0) @binding(2) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (wg.x + wg.y * groups.x) * WG + t;
  let row = index / VECTORS;
  if (row >= dim.x) { return; }
  let g = index + row * VECTORS;
  let u = g + VECTORS;
  let gate = Wide(gateUp[g]);
  let up = Wide(gateUp[u]);
  let d = Wide(dy[index]) * SCALE;
  // The exponential of -|gate| cannot overflow; s and 1 - s are its quotients, so neither loses digits.
  let e = exp(-abs(gate));
  let high = 1.0 / (1.0 + e);
  let low = e * high;
  let s = select(low, high, gate >= Wide(0.0));
  let rest = select(high, low, gate >= Wide(0.0));
  gateUp[g] = Vec(d * up * s * (1.0 + gate * rest));
  gateUp[u] = Vec(d * gate * s);
}
