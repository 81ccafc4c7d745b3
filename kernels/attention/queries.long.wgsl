// dq of long texts out of the ds that the keys' kernel kept: dq = sum of ds k / sqrt(D), over the keys up to the query's own,
// on subgroup matrices (tensor cores), f16 x f16 -> f32, 16 x 16 x 16, sums in f32 in the keys' order.
//
//   qkv    f16  [T, (H + 2 KV) D]   read 8 at a time: k
//   ds     f16, in tiles: ds.wgsl, which this includes
//   dqkv   f16  [T, (H + 2 KV) D]   dq is written
//   tiles  u32  [n, 4]              (first row, one past the last, sequence's first row, sequence);  dim.x  n
//
// A workgroup owns ROWS queries of a head and streams KEYS = 32 of its keys at a time, and their ds, through workgroup memory;
// a subgroup makes 32 queries x D / SHARES channels and leaves out the keys past its own queries, of which ds is never
// written. The next round is read while this one is multiplied.
//
// What bounds it: reading ds once, 2 bytes a pair and head, 115 us for 4 texts x 2,048 and 28 heads at an H200's 4 TB/s;
// by count loads and multiplications take 218 to 230 clocks each for 64 x 32 pairs of 128 channels, 150 to 200 us there.
// Measured there: 366 us.
// Loops marked `unroll` are written out. Constants: H, KV, D, INVERSE_ROOT, ROWS, KEYS, SHARES, FM (2), FD (matrices of 16
// channels of a subgroup), KK (of 16 keys), LOADS and DS_LOADS (vectors a thread moves of k and of ds), those of ds.wgsl.

@group(0) @binding(0) var<storage, read> qkv: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> ds: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> dqkv: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(4) var<uniform> dim: vec4<u32>;

const T = ROWS * SHARES;
const D8 = D / 8u;
const WIDTH = (H + 2u * KV) * D8;
const LINE = D8 + 1u;          // vectors in a row of k,
const DS_LINE = ROWS / 8u + 1u; // of ds,
const S_LINE = SHARES * 4u + 1u; // of results
const DS_AT = KEYS * LINE;
const ACROSS = 2u * SHARES; // vectors of 8 results in a row

var<workgroup> memory: array<vec4<u32>, max(DS_AT + KEYS * DS_LINE, ROWS * S_LINE)>;

fn halves(a: vec4<f32>, b: vec4<f32>) -> vec4<u32> {
  return vec4(bitcast<vec2<u32>>(vec4<f16>(a)), bitcast<vec2<u32>>(vec4<f16>(b)));
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let head = wg.x;
  if (wg.y >= dim.x) { return; }
  let tile = tiles[dim.x - 1u - wg.y];
  let first = tile.x - tile.z;
  let keys = tile.y - tile.z;
  let k_from = tile.z * WIDTH + (H + head * KV / H) * D8;
  let sm = t / (32u * SHARES) * 16u * FM;
  let sn = t / 32u % SHARES;

  var k: array<vec4<u32>, LOADS>;
  var w: array<vec4<u32>, DS_LOADS>;
  for (var i = 0u; i < LOADS; i++) { // unroll
    k[i] = qkv[k_from + min((t + i * T) / D8, keys - 1u) * WIDTH + (t + i * T) % D8];
  }
  for (var i = 0u; i < DS_LOADS; i++) { // unroll
    w[i] = ds[streamed(tile.z, head, 0u, first, t + i * T)];
  }
  var dq: array<subgroup_matrix_result<f32, 16, 16>, FM * FD>;
  for (var base = 0u; base < keys; base += KEYS) {
    for (var i = 0u; i < LOADS; i++) { // unroll
      memory[(t + i * T) / D8 * LINE + (t + i * T) % D8] = k[i];
    }
    for (var i = 0u; i < DS_LOADS; i++) { // unroll
      memory[staged(t + i * T)] = w[i];
    }
    workgroupBarrier();
    let next = min(base + KEYS, (keys - 1u) / KEYS * KEYS);
    for (var i = 0u; i < LOADS; i++) { // unroll
      k[i] = qkv[k_from + min(next + (t + i * T) / D8, keys - 1u) * WIDTH + (t + i * T) % D8];
    }
    for (var i = 0u; i < DS_LOADS; i++) { // unroll
      w[i] = ds[streamed(tile.z, head, next, first, t + i * T)];
    }
    if (base < first + sm + 16u * FM) {
      for (var n = 0u; n < KK; n++) { // unroll
        var a: array<subgroup_matrix_left<f16, 16, 16>, FM>;
        for (var i = 0u; i < FM; i++) { // unroll
          a[i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&memory, DS_AT + n * 16u * DS_LINE + sm / 8u + i * 2u, DS_LINE);
        }
        for (var j = 0u; j < FD; j++) { // unroll
          let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&memory, n * 16u * LINE + sn * (D8 / SHARES) + j * 2u, LINE);
          for (var i = 0u; i < FM; i++) { // unroll
            dq[i * FD + j] = subgroupMatrixMultiplyAccumulate(a[i], b, dq[i * FD + j]);
          }
        }
      }
    }
    workgroupBarrier();
  }

  for (var j = 0u; j < FD; j++) { // unroll
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, (sm + i * 16u) * S_LINE + sn * 4u, dq[i * FD + j], S_LINE);
    }
    workgroupBarrier();
    for (var i = t; i < ROWS * ACROSS; i += T) {
      if (tile.x + i / ACROSS < tile.y) {
        let at = i / ACROSS * S_LINE + i % ACROSS * 2u;
        let low = bitcast<vec4<f32>>(memory[at]) * INVERSE_ROOT;
        let high = bitcast<vec4<f32>>(memory[at + 1u]) * INVERSE_ROOT;
        let channel = i % ACROSS / 2u * (D8 / SHARES) + j * 2u + i % 2u;
        dqkv[(tile.x + i / ACROSS) * WIDTH + head * D8 + channel] = halves(low, high);
      }
    }
    workgroupBarrier();
  }
}

// Vector i of a round's ds as it lies in memory: 8 queries of a key; tiles of 32 vectors, four a row of 16 keys of a block.
const BLOCK = KEYS * 8u;
fn key_of(i: u32) -> u32 { return i % BLOCK / 128u * 16u + i % 32u / 2u; }
fn query_of(i: u32) -> u32 { return i / BLOCK * 64u + i % 128u / 32u * 16u + i % 2u * 8u; }
fn streamed(text: u32, head: u32, base: u32, first: u32, i: u32) -> u32 {
  return ds_at(text, head, base + key_of(i), first + query_of(i));
}
fn staged(i: u32) -> u32 { return DS_AT + key_of(i) * DS_LINE + query_of(i) / 8u; }
