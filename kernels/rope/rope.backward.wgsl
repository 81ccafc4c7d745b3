// The gradient of rope.wgsl, in place: a rotation's transpose turns back, so q's and k's gradients turn by the
// negative angle,
//
//   dx[i]       = dy[i] cos + dy[i + D/2] sin
//   dx[i + D/2] = dy[i + D/2] cos - dy[i] sin
//
//   dqkv       Elem [T, (H + 2 KV) D]   v's part is not touched
//   positions  u32  [T]
//   table      f32  [positions, D/2, 2] (cos, sin)
//   dim.x      T
//
// Threads, constants and alias are rope.wgsl's.

@group(0) @binding(0) var<storage, read_write> dqkv: array<Vec>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let index = (wg.x + wg.y * groups.x) * WG + t;
  let token = index / (ROTATED * OCTETS);
  if (token >= dim.x) { return; }
  let head = index / OCTETS % ROTATED;
  let j = index % OCTETS;

  let low = (token * HEADS + head) * 2u * OCTETS + j;
  let high = low + OCTETS;
  let entry = (positions[token] * OCTETS + j) * 2u;
  let t0 = table[entry];
  let t1 = table[entry + 1u];
  let c = vec4<f32>(t0.xz, t1.xz);
  let s = vec4<f32>(t0.yw, t1.yw);
  let a = vec4<f32>(dqkv[low]);
  let b = vec4<f32>(dqkv[high]);
  dqkv[low] = Vec(a * c + b * s);
  dqkv[high] = Vec(b * c - a * s);
}
