// Wᵀ of int4 weights (weights.ts) as i8, for dX = dY W, each 32 of n turned by H first (int8.hadamard.wgsl): V = Hᵀ W, scale[n] =
// max_k |V[n, k]| / 127, q[k, n] = V[n, k] / scale[n], rounded to the nearest. dX sums over n, so that these scales go into dY
// before that is quantised (`by` of int8.quantize.wgsl): what is rounded of it weighs as it counts.
// In tiles of 16 k x 32 n, one row of tiles after the other, in squares as int8.requantize.wgsl makes them.
//
//   words    u32 [N, K / 8]: K is a multiple of 16, N of 32
//   params   int8.weights.wgsl
//   scale    f32 [N]     written where MEASURE, else read
//   out      i8 [K, NP] in tiles; n from N on are 0   not where MEASURE
//
// MEASURE, once a weight: a workgroup takes 32 n and all k. Else a thread makes 32 n x 8 k, 256 bytes in a row. Bound by
// memory: K / 2 bytes in for each n, K out. Constants: N, K, NP, MEASURE, T (threads, a power of two), EIGHT (8), FOUR (4), and
// int8.weights.wgsl's.

@group(0) @binding(0) var<storage, read> words: array<u32>;

var<workgroup> partial: array<vec4<f32>, T>;

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
  let block = wg.y;
  if (MEASURE) {
    var most = array<vec4<f32>, 8>();
    for (var c = t; c < K8; c += T) {
      read_eight(block, c);
      for (var k = 0u; k < 8u; k++) {
        let v = turned(k);
        for (var i = 0u; i < EIGHT; i++) { // unroll
          most[i] = max(most[i], abs(v[i]));
        }
      }
    }
    for (var i = 0u; i < EIGHT; i++) { // unroll
      partial[t] = most[i];
      workgroupBarrier();
      for (var half = T / 2u; half > 0u; half /= 2u) {
        if (t < half) { partial[t] = max(partial[t], partial[t + half]); }
        workgroupBarrier();
      }
      if (t < 4u) { put_scale(block * 32u + 4u * i + t, partial[0][t] / 127.0); }
      workgroupBarrier();
    }
    return;
  }
  let c = wg.x * T + t;
  if (c >= K8) { return; }
  let to = (c / 2u * (NP / 32u) + block) * 32u + c % 2u * 16u;
  if (block * 32u >= N) {
    for (var i = 0u; i < 16u; i++) { put(to + i, vec4(0u)); }
    return;
  }
  read_eight(block, c);
  var inverse: array<vec4<f32>, 8>;
  for (var i = 0u; i < EIGHT; i++) { // unroll
    for (var j = 0u; j < FOUR; j++) { // unroll
      inverse[i][j] = inverse_of(block * 32u + 4u * i + j);
    }
  }
  for (var k = 0u; k < 8u; k++) {
    let v = turned(k);
    put(to + k, vec4(bytes4(v[0], inverse[0]), bytes4(v[1], inverse[1]), bytes4(v[2], inverse[2]), bytes4(v[3], inverse[3])));
    put(to + 8u + k, vec4(bytes4(v[4], inverse[4]), bytes4(v[5], inverse[5]), bytes4(v[6], inverse[6]), bytes4(v[7], inverse[7])));
  }
}
