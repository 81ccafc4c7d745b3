// Rows of x as i8, one scale a row (the per-token form of SmoothQuant, Xiao et al. 2022): scale[m] = max_k |x[m, k]| / 127,
// q[m, k] = x[m, k] / scale[m], rounded to the nearest. In tiles of 16 rows x 32 k, 512 bytes each, one row of tiles after
// the other, so that a matrix is loaded from 512 bytes in a row.
//
//   x       f16 [M, LD], eight at a time; columns COLUMN .. + K are meant: LD and COLUMN are multiples of 8, K of 32
//   out     i8 [M rounded up to 16, KP] in tiles; k from K on are 0, rows from dim.x on are left as they are
//   scale   f32 [M]
//   dim.x   rows, at most M
//
// One workgroup a row, which stays in registers between the two looks at it: a thread holds CHUNKS times 16 numbers. Bound by
// memory: 2 K bytes in, K out. Constants: K, KP, LD, COLUMN, T (threads, a multiple of 16), CHUNKS, PAIRS (2 CHUNKS).

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

var<workgroup> partial: array<f32, T>;
var<workgroup> sixteen: array<f32, 16>;

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let row = wg.x + wg.y * groups.x;
  if (row >= dim.x) { return; }
  var held: array<vec4<u32>, PAIRS>;
  var most = 0.0;
  for (var i = 0u; i < CHUNKS; i++) { // unroll
    let c = t + i * T;
    if (c < K / 16u) {
      let at = (row * LD + COLUMN) / 8u + 2u * c;
      held[2u * i] = x[at];
      held[2u * i + 1u] = x[at + 1u];
    }
  }
  for (var i = 0u; i < PAIRS; i++) { // unroll
    most = max(most, largest(held[i]));
  }
  partial[t] = most;
  workgroupBarrier();
  if (t < 16u) {
    for (var i = 1u; i < T / 16u; i++) { most = max(most, partial[t + 16u * i]); }
    sixteen[t] = most;
  }
  workgroupBarrier();
  for (var i = 0u; i < 16u; i++) { most = max(most, sixteen[i]); }
  if (t == 0u) { scale[row] = most / 127.0; }
  let inverse = select(0.0, 127.0 / most, most > 0.0);

  let to = row / 16u * KP + row % 16u * 2u;
  for (var i = 0u; i < CHUNKS; i++) { // unroll
    let c = t + i * T;
    if (c < KP / 16u) {
      let a = held[2u * i];
      let b = held[2u * i + 1u];
      out[to + c / 2u * 32u + c % 2u] = vec4(
        packed(unpack2x16float(a.x), unpack2x16float(a.y), inverse), packed(unpack2x16float(a.z), unpack2x16float(a.w), inverse),
        packed(unpack2x16float(b.x), unpack2x16float(b.y), inverse), packed(unpack2x16float(b.z), unpack2x16float(b.w), inverse));
    }
  }
}

fn largest(v: vec4<u32>) -> f32 {
  let m = max(max(abs(unpack2x16float(v.x)), abs(unpack2x16float(v.y))), max(abs(unpack2x16float(v.z)), abs(unpack2x16float(v.w))));
  return max(m.x, m.y);
}

fn packed(a: vec2<f32>, b: vec2<f32>, inverse: f32) -> u32 { return bytes(vec4(a, b), inverse); }
