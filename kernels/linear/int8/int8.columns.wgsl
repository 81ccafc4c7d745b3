// Wᵀ of int4 weights (weights.ts) as i8, for dX = dY W, one scale a k, each 32 of n turned by H first (int8.hadamard.wgsl): V =
// Hᵀ W, scale[k] = max_n |V[n, k]| / 127, q[k, n] = V[n, k] / scale[k], rounded to the nearest. In tiles of 16 k x 32 n, one row
// of tiles after the other, in squares as int8.rows.wgsl makes them.
//
//   words    u32 [N, K / 8]: K is a multiple of 16, N of 32
//   params   int8.weights.wgsl
//   scale    f32 [K]     written where MEASURE, else read
//   out      i8 [K, NP] in tiles; n from N on are 0   not where MEASURE
//
// MEASURE, once a weight: a workgroup takes 64 k, a thread eight of them and every T / 8-th 32 n. Else a thread makes 32 n x 8 k,
// 256 bytes in a row. Bound by memory: K / 2 bytes in for each n, K out. Constants: N, K, NP, MEASURE, T (threads, a multiple
// of 8), EIGHT (8), FOUR (4), and int8.weights.wgsl's.

@group(0) @binding(0) var<storage, read> words: array<u32>;

var<workgroup> partial: array<f32, T>;

const K8 = K / 8u;

/// Eight k of 32 rows: words and parameters of rows 4 i .. + 3 at i.
var<private> w: array<vec4<u32>, 8>;
var<private> a: array<vec4<f32>, 8>;
var<private> b: array<vec4<f32>, 8>;

/// Reads the eight from k = 8 c on.
fn read_eight(block: u32, c: u32) {
  for (var i = 0u; i < EIGHT; i++) { // unroll
    for (var j = 0u; j < FOUR; j++) { // unroll
      let n = block * 32u + 4u * i + j;
      let p = group_params(n, 8u * c / GROUP);
      w[i][j] = words[n * K8 + c];
      a[i][j] = p.x;
      b[i][j] = p.y;
    }
  }
}

/// Weights of the k-th of the eight, turned.
fn turned(k: u32) -> array<vec4<f32>, 8> {
  var v: array<vec4<f32>, 8>;
  for (var i = 0u; i < EIGHT; i++) { // unroll
    v[i] = fma(numbers((w[i] >> vec4(4u * k)) & vec4(15u)), a[i], b[i]);
  }
  return hadamard(v);
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  if (MEASURE) {
    let c = wg.y * 8u + t % 8u;
    var most: array<f32, 8>;
    for (var block = t / 8u; block < N / 32u; block += T / 8u) {
      read_eight(block, min(c, K8 - 1u));
      for (var k = 0u; k < EIGHT; k++) { // unroll
        most[k] = max(most[k], largest(turned(k)));
      }
    }
    for (var k = 0u; k < EIGHT; k++) { // unroll
      partial[t] = most[k];
      workgroupBarrier();
      if (t < 8u && c < K8) {
        for (var i = t; i < T; i += 8u) { most[k] = max(most[k], partial[i]); }
        put_scale(8u * c + k, most[k] / 127.0);
      }
      workgroupBarrier();
    }
    return;
  }
  let block = wg.y;
  let c = wg.x * T + t;
  if (c >= K8) { return; }
  let to = (c / 2u * (NP / 32u) + block) * 32u + c % 2u * 16u;
  if (block * 32u >= N) {
    for (var i = 0u; i < 16u; i++) { put(to + i, vec4(0u)); }
    return;
  }
  read_eight(block, c);
  for (var k = 0u; k < 8u; k++) {
    let v = turned(k);
    let inverse = inverse_of(8u * c + k);
    put(to + k, vec4(bytes(v[0], inverse), bytes(v[1], inverse), bytes(v[2], inverse), bytes(v[3], inverse)));
    put(to + 8u + k, vec4(bytes(v[4], inverse), bytes(v[5], inverse), bytes(v[6], inverse), bytes(v[7], inverse)));
  }
}
