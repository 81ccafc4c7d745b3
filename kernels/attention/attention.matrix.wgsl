// attention.wgsl's formula on subgroup matrices (tensor cores): f16 x f16 -> f32, 16 x 16 x 16, sums in f32.
//
//   qkv    f16 [T, (H + 2 KV) D]   read 8 at a time
//   tiles  u32 [n, 4]              queries of one sequence: (first row, one past the last, sequence's first row, sequence)
//   y      f16 [T, H D]
//   dim.x  n
//   lse.kept.wgsl or lse.none.wgsl
//
// A workgroup takes one head and the queries of one tile, at most ROWS, and KEYS = 16 KK keys at a time: KK subgroups side
// by side. Each multiplies 16 FM queries by 16 keys, and 16 FM rows of weights by D / KK channels of V; q and o stay in its
// registers. Four subgroups, two by two, take 64 queries and 32 keys, and each matrix that they load is used twice (FM = 2).
// One alone takes 16 and 16, of sequences so short that most of a larger tile would be empty: it has a fifth of the
// workgroup memory, of which a processor's share decides how many run at a time.
//
// K and V are read from memory a round before they are wanted. In workgroup memory they have a place each (not SHARED):
// the next K is then written among the weights, and a round has one barrier and one uniform load. Or they share one
// place, since V is wanted only when K is done with, at the price of two more barriers.
//
// A matrix has no element access: scores go through workgroup memory as f32, two threads a query mask them and make
// them weights in f16. Nor can o's rows be rescaled in registers, so a query's reference score `top` follows its
// largest score only when that has grown by more than HEADROOM (weights then reach 2^HEADROOM, far within f16), and
// the whole workgroup takes o through workgroup memory where any query needs it: after the first rounds it is rare.
// (The lazy rescaling of FlashAttention-4.) The sum is over the rounded weights, so that rounding them cancels in part.
//
// Rows in workgroup memory are padded to an odd number of vectors, so that the eight rows that a matrix load or a SIMD
// group touches at once lie in different banks; rows of scores to two more, so that the halves of a matrix's rows that
// are stored at once do too. A query's two threads are neighbours and have every second quad of its scores, so that
// its weights lie in the order `place`, and so do the rows of V.
// Loops marked `unroll` are written out: a run-time index into an array of matrices is slow.
// Constants: H, KV, D, SCALE (log2(e) / sqrt(D), f32), ROWS, KEYS, SHARED, and how much of what a thread or a subgroup
// has: Q_LOADS, LOADS (vectors of Q, and of K or V), QUADS (of four scores); FM (matrices of 16 queries), KD (of 16
// channels of q), FD (of o), KK (of 16 keys).

@group(0) @binding(0) var<storage, read> qkv: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<u32>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

const T = 2u * ROWS;
const D8 = D / 8u;
const WIDTH = (H + 2u * KV) * D8;
const LINE = D8 + 1u;          // vectors in a row of q, k or v,
const S_LINE = KEYS / 4u + 2u; // of scores,
const P_LINE = KEYS / 8u + 1u; // of weights
// The padding of a last row is the next one's first.
const V_AT = select(KEYS * LINE - 1u, 0u, SHARED);
const S_AT = V_AT + KEYS * LINE - 1u;
const P_AT = S_AT + ROWS * S_LINE;
const LOWEST = -1e30;
const HEADROOM = 8.0;

var<workgroup> memory: array<vec4<u32>, P_AT + ROWS * P_LINE - 1u>;
// The last round in which a query's `top` has grown.
var<workgroup> grown: u32;

/// What a query's o is to be multiplied by lies in the padding of its scores.
fn keep(row: u32) -> f32 { return bitcast<f32>(memory[S_AT + row * S_LINE + KEYS / 4u].x); }
fn set_keep(row: u32, factor: f32) { memory[S_AT + row * S_LINE + KEYS / 4u] = vec4(bitcast<u32>(factor)); }
/// Vector j of KEYS rows of K or V, from a sequence's row `first` on; past its end the last row again.
fn key_row(head_at: u32, first: u32, keys: u32, j: u32) -> vec4<u32> {
  return qkv[head_at + min(first + j / D8, keys - 1u) * WIDTH + j % D8];
}
/// Where the weights of a round's key lie in a row, and its row of V.
fn place(key: u32) -> u32 {
  return (key & ~12u) | ((key & 4u) << 1u) | ((key & 8u) >> 1u);
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let head = wg.x;
  let tile = tiles[dim.x - 1u - wg.y];
  let keys = tile.y - tile.z;
  let k_from = tile.z * WIDTH + (H + head * KV / H) * D8;
  let v_from = k_from + KV * D8;
  let sm = t / (32u * KK) * 16u * FM;
  let sn = t / 32u % KK;

  // A short tile's idle rows repeat its last query and are dropped at the end.
  for (var i = 0u; i < Q_LOADS; i++) {
    let row = (t + i * T) / D8;
    let c = (t + i * T) % D8;
    memory[row * LINE + c] = qkv[min(tile.x + row, tile.y - 1u) * WIDTH + head * D8 + c];
  }
  if (t == 0u) { grown = 0u; }
  var k: array<vec4<u32>, LOADS>;
  var v: array<vec4<u32>, LOADS>;
  for (var i = 0u; i < LOADS; i++) { // unroll
    k[i] = key_row(k_from, 0u, keys, t + i * T);
    v[i] = key_row(v_from, 0u, keys, t + i * T);
  }
  workgroupBarrier();
  var q: array<subgroup_matrix_left<f16, 16, 16>, FM * KD>;
  for (var i = 0u; i < FM; i++) { // unroll
    for (var d = 0u; d < KD; d++) { // unroll
      q[i * KD + d] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, (sm + i * 16u) * LINE + d * 2u, LINE);
    }
  }
  workgroupBarrier();
  for (var i = 0u; i < LOADS; i++) { // unroll
    memory[(t + i * T) / D8 * LINE + (t + i * T) % D8] = k[i];
  }
  workgroupBarrier();

  // The query whose weights this thread makes, and its half of the keys; another lane has the other.
  let row = t / 2u;
  let half = t % 2u;
  var top = LOWEST;
  var sum = 0.0;
  var o: array<subgroup_matrix_result<f32, 16, 16>, FM * FD>;

  for (var base = 0u; base < keys; base += KEYS) {
    for (var i = 0u; i < LOADS; i++) { // unroll
      k[i] = key_row(k_from, base + KEYS, keys, t + i * T);
    }

    var s: array<subgroup_matrix_result<f32, 16, 16>, FM>;
    for (var i = 0u; i < FM; i++) { // unroll
      s[i] = subgroup_matrix_result<f32, 16, 16>();
    }
    for (var d = 0u; d < KD; d++) { // unroll
      let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&memory, sn * 16u * LINE + d * 2u, LINE);
      for (var i = 0u; i < FM; i++) { // unroll
        s[i] = subgroupMatrixMultiplyAccumulate(q[i * KD + d], b, s[i]);
      }
    }
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, s[i], S_LINE);
    }
    workgroupBarrier();

    for (var i = 0u; i < LOADS; i++) { // unroll
      memory[V_AT + place((t + i * T) / D8) * LINE + (t + i * T) % D8] = v[i];
    }
    for (var i = 0u; i < LOADS; i++) { // unroll
      v[i] = key_row(v_from, base + KEYS, keys, t + i * T);
    }
    var x: array<vec4<f32>, QUADS>;
    var high = LOWEST;
    for (var i = 0u; i < QUADS; i++) { // unroll
      let quad = 2u * i + half;
      let key = base + quad * 4u + vec4(0u, 1u, 2u, 3u);
      let score = bitcast<vec4<f32>>(memory[S_AT + row * S_LINE + quad]) * SCALE;
      x[i] = select(vec4(LOWEST), score, key <= vec4(tile.x - tile.z + row));
      high = max(high, max(max(x[i].x, x[i].y), max(x[i].z, x[i].w)));
    }
    high = max(high, subgroupShuffleXor(high, 1u));
    if (high > top + HEADROOM) {
      let factor = exp2(top - high);
      top = high;
      sum *= factor;
      set_keep(row, factor);
      if (base > 0u) { grown = base; }
    } else {
      set_keep(row, 1.0);
    }
    for (var i = 0u; i < KK; i++) { // unroll
      let low = vec4<f16>(exp2(x[2u * i] - top));
      let next = vec4<f16>(exp2(x[2u * i + 1u] - top));
      sum += dot(vec4<f32>(low) + vec4<f32>(next), vec4(1.0));
      memory[P_AT + row * P_LINE + 2u * i + half] = vec4(bitcast<vec2<u32>>(low), bitcast<vec2<u32>>(next));
    }

    if (!SHARED) {
      for (var i = 0u; i < LOADS; i++) { // unroll
        memory[(t + i * T) / D8 * LINE + (t + i * T) % D8] = k[i];
      }
    }
    // Also the barrier between weights, V and the next K written and read. In round 0 there is no o to rescale.
    let rescale = workgroupUniformLoad(&grown);
    if (base > 0u && rescale == base) {
      for (var j = 0u; j < FD; j++) { // unroll
        for (var i = 0u; i < FM; i++) { // unroll
          subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, o[i * FD + j], S_LINE);
        }
        workgroupBarrier();
        for (var i = t; i < ROWS * KEYS / 4u; i += T) {
          let at = S_AT + i / (KEYS / 4u) * S_LINE + i % (KEYS / 4u);
          memory[at] = bitcast<vec4<u32>>(bitcast<vec4<f32>>(memory[at]) * keep(i / (KEYS / 4u)));
        }
        workgroupBarrier();
        for (var i = 0u; i < FM; i++) { // unroll
          o[i * FD + j] = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, S_LINE);
        }
        workgroupBarrier();
      }
    }

    for (var n = 0u; n < KK; n++) { // unroll
      var p: array<subgroup_matrix_left<f16, 16, 16>, FM>;
      for (var i = 0u; i < FM; i++) { // unroll
        p[i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, P_AT + (sm + i * 16u) * P_LINE + n * 2u, P_LINE);
      }
      for (var j = 0u; j < FD; j++) { // unroll
        let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&memory, V_AT + n * 16u * LINE + sn * (D8 / KK) + j * 2u, LINE);
        for (var i = 0u; i < FM; i++) { // unroll
          o[i * FD + j] = subgroupMatrixMultiplyAccumulate(p[i], b, o[i * FD + j]);
        }
      }
    }
    if (SHARED) {
      workgroupBarrier();
      for (var i = 0u; i < LOADS; i++) { // unroll
        memory[(t + i * T) / D8 * LINE + (t + i * T) % D8] = k[i];
      }
      workgroupBarrier();
    }
  }
  workgroupBarrier();

  sum += subgroupShuffleXor(sum, 1u);
  set_keep(row, 1.0 / sum);
  if (half == 0u && tile.x + row < tile.y) { put_lse(tile.x + row, head, top, sum); }
  for (var j = 0u; j < FD; j++) { // unroll
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, o[i * FD + j], S_LINE);
    }
    workgroupBarrier();
    // 8 channels of one query: matrix j of each subgroup's channels.
    for (var i = t; i < ROWS * 2u * KK; i += T) {
      let m = i / (2u * KK);
      let query = tile.x + m;
      if (query < tile.y) {
        let at = S_AT + m * S_LINE + i % (2u * KK) * 2u;
        let low = vec4<f16>(bitcast<vec4<f32>>(memory[at]) * keep(m));
        let next = vec4<f16>(bitcast<vec4<f32>>(memory[at + 1u]) * keep(m));
        let c = i % (2u * KK) / 2u * (D8 / KK) + j * 2u + i % 2u;
        y[(query * H + head) * D8 + c] = vec4(bitcast<vec2<u32>>(low), bitcast<vec2<u32>>(next));
      }
    }
    workgroupBarrier();
  }
}
