// Rows of x as i8, one scale a row (the per-token form of SmoothQuant, Xiao et al. 2022), each 32 of k turned by H first
// (int8.hadamard.wgsl): z = x H, scale[m] = max_k |z[m, k]| / 127 / 32, q[m, k] = z[m, k] / (32 scale[m]), rounded to the
// nearest. In tiles of 16 rows x 32 k, 512 bytes each, one row of tiles after the other, so that a
// matrix is loaded from 512 bytes in a row.
//
//   x       f16 [M, LD], eight at a time; columns COLUMN .. + K are meant: LD and COLUMN are multiples of 8, K of 32
//   out     i8 [M rounded up to 16, KP] in tiles; k from K on are 0, rows from dim.x on are left as they are
//   scale   f32 [M]         NaN where a number of the row is not finite, so that all of its products are
//   dim.x   rows, at most M
//
// One workgroup a row, which stays in registers between the two looks at it: a thread holds CHUNKS times 32 numbers. Bound by
// memory: 2 K bytes in, K out. Constants: K, KP, LD, COLUMN, T (threads, a multiple of 16), CHUNKS, EIGHT (8), FOUR (4).

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

var<workgroup> partial: array<f32, T>;
var<workgroup> sixteen: array<f32, 16>;

/// More than any sum of 32 products can be.
const HUGE = 3e38;

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let row = wg.x + wg.y * groups.x;
  if (row >= dim.x) { return; }
  var z: array<array<vec4<f32>, 8>, CHUNKS>;
  var most = 0.0;
  for (var i = 0u; i < CHUNKS; i++) { // unroll
    let c = t + i * T;
    if (c < K / 32u) {
      let at = (row * LD + COLUMN) / 8u + 4u * c;
      let halves = array(x[at], x[at + 1u], x[at + 2u], x[at + 3u]);
      z[i] = turned(halves);
      most = max(most, select(largest(z[i]), HUGE, unbounded(halves)));
    }
  }
  partial[t] = most;
  workgroupBarrier();
  if (t < 16u) {
    for (var i = 1u; i < T / 16u; i++) { most = max(most, partial[t + 16u * i]); }
    sixteen[t] = most;
  }
  workgroupBarrier();
  for (var i = 0u; i < 16u; i++) { most = max(most, sixteen[i]); }
  if (t == 0u) { scale[row] = bitcast<f32>(select(bitcast<u32>(most / 127.0 / 32.0), 0x7fc00000u, most == HUGE)); }
  let inverse = select(0.0, 127.0 / most, most > 0.0);

  let to = row / 16u * KP + row % 16u * 2u;
  for (var i = 0u; i < CHUNKS; i++) { // unroll
    let c = t + i * T;
    if (c < KP / 32u) {
      let v = z[i];
      out[to + 32u * c] = vec4(bytes(v[0], inverse), bytes(v[1], inverse), bytes(v[2], inverse), bytes(v[3], inverse));
      out[to + 32u * c + 1u] = vec4(bytes(v[4], inverse), bytes(v[5], inverse), bytes(v[6], inverse), bytes(v[7], inverse));
    }
  }
}

/// Whether one of 32 halves is infinite or NaN: its exponent's five ones, and one more, reach the sign.
fn unbounded(halves: array<vec4<u32>, 4>) -> bool {
  var signs = vec4(0u);
  for (var i = 0u; i < FOUR; i++) { // unroll
    signs |= (halves[i] & vec4(0x7c007c00u)) + vec4(0x04000400u);
  }
  return any((signs & vec4(0x80008000u)) != vec4(0u));
}

/// 32 numbers, turned.
fn turned(halves: array<vec4<u32>, 4>) -> array<vec4<f32>, 8> {
  var v: array<vec4<f32>, 8>;
  for (var i = 0u; i < FOUR; i++) { // unroll
    v[2u * i] = vec4(unpack2x16float(halves[i].x), unpack2x16float(halves[i].y));
    v[2u * i + 1u] = vec4(unpack2x16float(halves[i].z), unpack2x16float(halves[i].w));
  }
  return hadamard(v);
}
