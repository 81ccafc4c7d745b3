// Rotates pairs (i, i + D/2) of every q and k head by the angle position * theta^(-2 i / D); v goes through as it is:
//
//   y[i]       = x[i] cos - x[i + D/2] sin
//   y[i + D/2] = x[i + D/2] cos + x[i] sin            (Su et al. 2021, in GPT-NeoX's half-split order)
//
// The gradient is the same by the negative angle, since a rotation's transpose turns back: SIGN is then -1.
//
//   x, y       Elem [T, (H + 2 KV) D]   q heads, k heads, v heads
//   positions  u32  [T]                 each token's place in its own sequence
//   table      f32  [positions, D/2, 2] (cos, sin), made on the host in float64: rope.ts says why
//   dim.x      T
//
// One thread moves four neighbouring pairs, so every access is a whole vec4; D is a multiple of 8.
// Bound by memory: x is read and y written once, the table stays in cache.
// Constants: OCTETS (D / 8), ROTATED (H + KV), HEADS (H + 2 KV), SIGN (f32), WG (threads).
// Aliases: X, Y (vec4 of their Elem).

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read_write> y: array<Y>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (wg.x + wg.y * groups.x) * WG + t;
  let token = index / (HEADS * OCTETS);
  if (token >= dim.x) { return; }
  let head = index / OCTETS % HEADS;
  let j = index % OCTETS;

  let low = (token * HEADS + head) * 2u * OCTETS + j;
  let high = low + OCTETS;
  let a = vec4<f32>(x[low]);
  let b = vec4<f32>(x[high]);
  if (head >= ROTATED) {
    y[low] = Y(a);
    y[high] = Y(b);
    return;
  }
  let entry = (positions[token] * OCTETS + j) * 2u;
  let t0 = table[entry];
  let t1 = table[entry + 1u];
  let c = vec4<f32>(t0.xz, t1.xz);
  let s = vec4<f32>(t0.yw, t1.yw);
  y[low] = Y(a * c - b * s * SIGN);
  y[high] = Y(b * c + a * s * SIGN);
}
