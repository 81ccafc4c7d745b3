// int4 weights (weights.ts) as i8, one scale a row: scale[n] = max_k |w[n, k]| / 127, q[n, k] = w[n, k] / scale[n], rounded to the
// nearest. In tiles of 16 rows x 32 k, 512 bytes each, one row of tiles after the other. A tile's 32 vectors of 16 bytes lie as
// four squares of eight rows x 16 bytes, so that threads that copy neighbours to rows of workgroup memory meet no bank conflicts.
//
//   words    u32 [N, K / 8], two at a time: K is a multiple of 32
//   out      i8 [N rounded up to 16, KP] in tiles; k from K on are 0, rows from N on repeat the last
//   scale    f32 [N]
//   params   u32 [N, GROUPS], or [N, 2 GROUPS] where WIDE
//
// A workgroup makes 16 rows, a thread every T / 32-th tile's part of one row, looked at twice: the largest, then all. Bound
// by memory: K / 2 bytes in (the second time from the L2), K out.
// Constants: N, K, KP, GROUP (a multiple of 16), GROUPS, ZERO_POINT (zero16), WIDE (offset32), T (threads, a multiple of 32).

@group(0) @binding(0) var<storage, read> words: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;
@group(0) @binding(3) var<storage, read> params: array<u32>;

var<workgroup> partial: array<f32, T>;

const TILES = KP / 32u;
const STEP = T / 32u;

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let block = wg.x + wg.y * groups.x;
  if (block * 16u >= N) { return; }
  let v = t % 32u;
  let in_block = v / 16u * 8u + v % 8u;
  let half = v / 8u % 2u;
  let n = min(block * 16u + in_block, N - 1u);
  let first = n * (K / 16u) + half;

  var most = vec4(0.0);
  for (var tile = t / 32u; tile < K / 32u; tile += STEP) {
    let q = words[first + 2u * tile];
    let p = group_params(n, (32u * tile + 16u * half) / GROUP);
    for (var i = 0u; i < 4u; i++) { most = max(most, abs(weights(q, i, p))); }
  }
  partial[t] = max(max(most.x, most.y), max(most.z, most.w));
  workgroupBarrier();
  var largest = 0.0;
  // The thread of the row's other half is 8 away.
  for (var i = 0u; i < STEP; i++) {
    largest = max(largest, max(partial[32u * i + v], partial[32u * i + (v ^ 8u)]));
  }
  if (t < 32u && half == 0u && block * 16u + in_block < N) { scale[n] = largest / 127.0; }
  let inverse = select(0.0, 127.0 / largest, largest > 0.0);

  for (var tile = t / 32u; tile < TILES; tile += STEP) {
    var made = vec4(0u);
    if (tile < K / 32u) {
      let q = words[first + 2u * tile];
      let p = group_params(n, (32u * tile + 16u * half) / GROUP);
      made = vec4(
        bytes(weights(q, 0u, p), inverse), bytes(weights(q, 1u, p), inverse),
        bytes(weights(q, 2u, p), inverse), bytes(weights(q, 3u, p), inverse));
    }
    out[block * KP + tile * 32u + v] = made;
  }
}

/// Four weights of 16. A nibble or-ed into the bits of 2^23 is 2^23 + q.
fn weights(q: vec2<u32>, i: u32, p: vec2<f32>) -> vec4<f32> {
  let word = q[i / 2u] >> (i % 2u * 16u);
  let nibbles = vec4(word, word >> 4u, word >> 8u, word >> 12u) & vec4(15u);
  return fma(bitcast<vec4<f32>>(nibbles | vec4(0x4b000000u)) - 8388608.0, p.xxxx, p.yyyy);
}

/// (a, b) of group g of row n: w = a q + b.
fn group_params(n: u32, g: u32) -> vec2<f32> {
  let i = n * GROUPS + g;
  if (WIDE) { return vec2(bitcast<f32>(params[2u * i]), bitcast<f32>(params[2u * i + 1u])); }
  let p = unpack2x16float(params[i]);
  if (ZERO_POINT) { return vec2(p.x, -p.x * p.y); }
  return p;
}
