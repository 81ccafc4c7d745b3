// int4 weights (weights.ts) as i8, one scale a row, each 32 of k turned by H first (int8.hadamard.wgsl): V = W H, scale[n] =
// max_k |V[n, k]| / 127, q[n, k] = V[n, k] / scale[n], rounded to the nearest. In tiles of 16 rows x 32 k, 512 bytes each, one
// row of tiles after the other. A tile's 32 vectors of 16 bytes lie as four squares of eight rows x 16 bytes, so that threads
// that copy neighbours to rows of workgroup memory meet no bank conflicts.
//
//   words    u32 [N, K / 8], four at a time: K is a multiple of 32
//   params   int8.weights.wgsl
//   scale    f32 [N]     written where MEASURE, else read
//   out      i8 [N rounded up to 16, KP] in tiles; k from K on are 0, rows from N on repeat the last   not where MEASURE
//
// MEASURE, once a weight: a workgroup takes 16 rows, a thread every T / 16-th tile's part of one. Else a workgroup makes 16
// rows of T / 16 tiles. Bound by memory: K / 2 bytes in, K out.
// Constants: N, K, KP, MEASURE, T (threads, a multiple of 16), EIGHT (8), FOUR (4), and int8.weights.wgsl's.

@group(0) @binding(0) var<storage, read> words: array<vec4<u32>>;

var<workgroup> partial: array<f32, T>;

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let in_block = t % 16u;
  let n = wg.y * 16u + in_block;
  let row = min(n, N - 1u);
  if (MEASURE) {
    var most = 0.0;
    for (var tile = t / 16u; tile < K / 32u; tile += T / 16u) { most = max(most, largest(turned(row, tile))); }
    partial[t] = most;
    workgroupBarrier();
    for (var i = in_block; i < T; i += 16u) { most = max(most, partial[i]); }
    if (t < 16u && n < N) { put_scale(n, most / 127.0); }
    return;
  }
  let tile = wg.x * (T / 16u) + t / 16u;
  if (tile >= KP / 32u) { return; }
  var low = vec4(0u);
  var high = vec4(0u);
  if (tile < K / 32u) {
    let inverse = inverse_of(row);
    let v = turned(row, tile);
    low = vec4(bytes(v[0], inverse), bytes(v[1], inverse), bytes(v[2], inverse), bytes(v[3], inverse));
    high = vec4(bytes(v[4], inverse), bytes(v[5], inverse), bytes(v[6], inverse), bytes(v[7], inverse));
  }
  let to = wg.y * KP + tile * 32u + in_block / 8u * 16u + in_block % 8u;
  put(to, low);
  put(to + 8u, high);
}

/// 32 weights of row n from k = 32 tile on, turned.
fn turned(n: u32, tile: u32) -> array<vec4<f32>, 8> {
  let four = words[n * (K / 32u) + tile];
  var v: array<vec4<f32>, 8>;
  for (var i = 0u; i < FOUR; i++) { // unroll
    let p = group_params(n, (32u * tile + 8u * i) / GROUP);
    v[2u * i] = fma(nibbles(four[i]), p.xxxx, p.yyyy);
    v[2u * i + 1u] = fma(nibbles(four[i] >> 16u), p.xxxx, p.yyyy);
  }
  return hadamard(v);
}
