// y[t, f] = silu(gate[t, f]) * up[t, f] * SCALE,   silu(g) = g / (1 + exp(-g))                (Shazeer 2020)
//
//   gateUp  Elem [T, 2 F]   one row: gate's F columns, then up's
//   y       Elem [T, F]
//   dim.x   T
//
// SCALE, a power of two, keeps the products of Qwen2.5's outliers within f16; the down projection multiplies by
// its inverse. One thread a vector of up to four columns. Bound by memory: three Elem moved a result.
// Constants: VECTORS (vectors in F columns), SCALE (f32), WG (threads).
// Aliases: Vec (a vector of Elem, or Elem where F is odd), Wide (the same of f32).

@group(0) @binding(0) var<storage, read> gateUp: array<Vec>;
@group(0) @binding(1) var<storage, read_write> y: array<Vec>;
@group(0) @binding(2) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (wg.x + wg.y * groups.x) * WG + t;
  let row = index / VECTORS;
  if (row >= dim.x) { return; }
  let gate = Wide(gateUp[index + row * VECTORS]);
  let up = Wide(gateUp[index + row * VECTORS + VECTORS]);
  // The exponential of -|gate| cannot overflow, and both signs of gate have a quotient that needs no other.
  let e = exp(-abs(gate));
  let sigmoid = select(e, Wide(1.0), gate >= Wide(0.0)) / (1.0 + e);
  y[index] = Vec(gate * sigmoid * up * SCALE);
}
