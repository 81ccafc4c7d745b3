// attention.wgsl's formula on subgroup matrices (tensor cores): f16 x f16 -> f32, 16 x 16 x 16, sums in f32; K and V are
// loaded from memory as matrices, for which they lie in tiles.
//
//   qkv    f16 [T, (H + 2 KV) D]   of which q is read, 8 at a time
//   tiles  u32 [n, 4]              queries of one sequence: (first row, one past the last, sequence's first row, sequence)
//   y      f16 [T, H D]
//   dim.x  n
//   kv     f16 [T, 2 KV D]         K and V in tiles of 16 x 16 (../linear/tiles.wgsl); what T lacks to whole tiles is finite
//   lse.kept.wgsl or lse.none.wgsl
//
// A pair of subgroups takes 32 queries of a head, 32 keys at a time: each multiplies them by 16 of the keys, and their
// weights by half of V's channels, so that each matrix it loads is used twice; q and o stay in registers. A workgroup
// is ROWS / 32 pairs for each of HEADS heads that share K and V: of a group with an odd number of heads the last workgroup
// makes its last head twice and writes it once. Rounds begin at whole tiles, so that the first may have keys of the
// sequence before; they are masked as those after a query are.
//
// A matrix has no element access: scores go through workgroup memory as f32, two threads a query mask them and make them
// weights in f16. The next round's scores are multiplied meanwhile, and matrices of K and V are loaded K_AHEAD and
// V_AHEAD before they are multiplied, over the barriers too. Nor can o's rows be rescaled in registers, so a query's
// reference score `top` follows its largest score only when that has grown by more than HEADROOM (weights then reach
// 2^HEADROOM, far within f16), and the whole workgroup takes o through workgroup memory where any query needs it: after
// the first rounds it is rare. (The lazy rescaling of FlashAttention-4.) The sum is over the rounded weights, so that
// rounding them cancels in part.
//
// Rows in workgroup memory are padded to an odd number of vectors against bank conflicts. Loops marked `unroll` are
// written out: a run-time index into an array of matrices is slow. What is between the marks `scores` is written again at
// the mark `next scores`. Constants: H, KV, D, SCALE (log2(e) / sqrt(D), f32), ROWS, HEADS, K_AHEAD, V_AHEAD, KV_BINDING, and how
// much of what a thread or a subgroup has: HALVES of Q, Q_LOADS (vectors of a half), QUADS (of four scores); FM (matrices of 16 queries),
// KD, KD_2 (of 16 channels of q, of half of them), FD (of o), KK, KK_FD (of 16 keys, and of V).

@group(0) @binding(0) var<storage, read> qkv: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<u32>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;
@group(0) @binding(KV_BINDING) var<storage, read> kv: array<vec4<u32>>;

const KEYS = 32u;
const T = 2u * ROWS * HEADS;
const GROUP = H / KV;
const SLOTS = (GROUP + HEADS - 1u) / HEADS;   // workgroups that a group of heads takes
const D8 = D / 8u;
const WIDTH = (H + 2u * KV) * D8;
const TILE = 32u;                             // vectors in a tile of K or V,
const TILE_ROW = 2u * KV * (D / 16u) * TILE;  // in a row of tiles
const LINE = D8 / 2u + 1u;                    // in a row of half of q,
const S_LINE = KEYS / 4u + 1u;                // of scores,
const P_LINE = KEYS / 8u + 1u;                // of weights
const S_AT = 0u;
const P_AT = HEADS * ROWS * S_LINE;
const LOWEST = -1e30;
const HEADROOM = 8.0;

var<workgroup> memory: array<vec4<u32>, max(P_AT + HEADS * ROWS * P_LINE, HEADS * ROWS * LINE)>;
// The last round in which a query's `top` has grown.
var<workgroup> grown: u32;

/// What a query's o is to be multiplied by lies in the padding of its scores.
fn keep(row: u32) -> f32 { return bitcast<f32>(memory[S_AT + row * S_LINE + KEYS / 4u].x); }
fn set_keep(row: u32, factor: f32) { memory[S_AT + row * S_LINE + KEYS / 4u] = vec4(bitcast<u32>(factor)); }
/// The head that part `slot` of a workgroup makes; one of the next group where there is none.
fn head_of(wg: u32, slot: u32) -> u32 { return wg / SLOTS * GROUP + wg % SLOTS * HEADS + slot; }

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let group = wg.x / SLOTS;
  let tile = tiles[dim.x - 1u - wg.y];
  let sm = t / 64u * 32u;
  let sn = t / 32u % 2u;

  // A short tile's idle rows repeat its last query and are dropped at the end.
  var q: array<subgroup_matrix_left<f16, 16, 16>, FM * KD>;
  for (var h = 0u; h < HALVES; h++) { // unroll
    for (var i = 0u; i < Q_LOADS; i++) { // unroll
      let row = (t + i * T) / (D8 / 2u);
      let c = (t + i * T) % (D8 / 2u);
      let head = min(head_of(wg.x, row / ROWS), (group + 1u) * GROUP - 1u);
      memory[row * LINE + c] = qkv[min(tile.x + row % ROWS, tile.y - 1u) * WIDTH + head * D8 + h * (D8 / 2u) + c];
    }
    workgroupBarrier();
    for (var i = 0u; i < FM; i++) { // unroll
      for (var d = 0u; d < KD_2; d++) { // unroll
        q[i * KD + h * KD_2 + d] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, (sm + i * 16u) * LINE + d * 2u, LINE);
      }
    }
    workgroupBarrier();
  }
  if (t == 0u) { grown = 0u; }

  // The query whose weights this thread makes, and its half of the keys; another lane has the other.
  let row = t / 32u * 16u + t % 16u;
  let half = t / 16u % 2u;
  let own = tile.x + row % ROWS;
  var top = LOWEST;
  var sum = 0.0;
  var o: array<subgroup_matrix_result<f32, 16, 16>, FM * FD>;
  var s: array<subgroup_matrix_result<f32, 16, 16>, FM>;
  var k: array<subgroup_matrix_right<f16, 16, 16>, K_AHEAD + 1u>;
  var v: array<subgroup_matrix_right<f16, 16, 16>, V_AHEAD + 1u>;

  // Rows of tiles: past the sequence's last its last again.
  let last = (tile.y - 1u) / 16u;
  let k_at = group * (D / 16u) * TILE;
  let v_at = (KV + group) * (D / 16u) * TILE + sn * (FD * TILE);
  var block = tile.z / 16u;
  var k_from = min(block + sn, last) * TILE_ROW + k_at;
  for (var d = 0u; d < K_AHEAD; d++) { // unroll
    k[d] = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&kv, k_from + d * TILE, 2u);
  }
  // scores
  for (var i = 0u; i < FM; i++) { // unroll
    s[i] = subgroup_matrix_result<f32, 16, 16>();
  }
  for (var d = 0u; d < KD; d++) { // unroll
    if (d + K_AHEAD < KD) {
      k[(d + K_AHEAD) % (K_AHEAD + 1u)] = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&kv, k_from + (d + K_AHEAD) * TILE, 2u);
    }
    for (var i = 0u; i < FM; i++) { // unroll
      s[i] = subgroupMatrixMultiplyAccumulate(q[i * KD + d], k[d % (K_AHEAD + 1u)], s[i]);
    }
  }
  // scores
  for (var i = 0u; i < FM; i++) { // unroll
    subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, s[i], S_LINE);
  }
  k_from = min(block + 2u + sn, last) * TILE_ROW + k_at;
  for (var d = 0u; d < K_AHEAD; d++) { // unroll
    k[d] = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&kv, k_from + d * TILE, 2u);
  }
  workgroupBarrier();

  for (var round = 0u; block <= last; round++) {
    var x: array<vec4<f32>, QUADS>;
    for (var i = 0u; i < QUADS; i++) { // unroll
      x[i] = bitcast<vec4<f32>>(memory[S_AT + row * S_LINE + half * QUADS + i]);
    }
    // next scores
    var high = LOWEST;
    for (var i = 0u; i < QUADS; i++) { // unroll
      let key = block * 16u + (half * QUADS + i) * 4u + vec4(0u, 1u, 2u, 3u);
      x[i] = select(vec4(LOWEST), x[i] * SCALE, (key >= vec4(tile.z)) & (key <= vec4(own)));
      high = max(high, max(max(x[i].x, x[i].y), max(x[i].z, x[i].w)));
    }
    high = max(high, subgroupShuffleXor(high, 16u));
    if (high > top + HEADROOM) {
      let factor = exp2(top - high);
      top = high;
      sum *= factor;
      set_keep(row, factor);
      grown = round;
    } else {
      set_keep(row, 1.0);
    }
    for (var i = 0u; i < KK; i++) { // unroll
      let low = vec4<f16>(exp2(x[2u * i] - top));
      let next = vec4<f16>(exp2(x[2u * i + 1u] - top));
      sum += dot(vec4<f32>(low) + vec4<f32>(next), vec4(1.0));
      memory[P_AT + row * P_LINE + half * KK + i] = vec4(bitcast<vec2<u32>>(low), bitcast<vec2<u32>>(next));
    }
    let v_from = vec2(min(block, last), min(block + 1u, last)) * TILE_ROW + v_at;
    for (var g = 0u; g < V_AHEAD; g++) { // unroll
      v[g] = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&kv, v_from[g / FD] + g % FD * TILE, 2u);
    }

    // Also the barrier between weights written and read. In round 0 there is no o to rescale.
    let rescale = workgroupUniformLoad(&grown);
    if (round > 0u && rescale == round) {
      for (var j = 0u; j < FD; j++) { // unroll
        for (var i = 0u; i < FM; i++) { // unroll
          subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, o[i * FD + j], S_LINE);
        }
        workgroupBarrier();
        for (var i = t; i < HEADS * ROWS * KEYS / 4u; i += T) {
          let at = S_AT + i / 8u * S_LINE + i % 8u;
          memory[at] = bitcast<vec4<u32>>(bitcast<vec4<f32>>(memory[at]) * keep(i / 8u));
        }
        workgroupBarrier();
        for (var i = 0u; i < FM; i++) { // unroll
          o[i * FD + j] = subgroupMatrixLoad<subgroup_matrix_result<f32, 16, 16>, row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, S_LINE);
        }
        workgroupBarrier();
      }
    }

    var p: array<subgroup_matrix_left<f16, 16, 16>, FM>;
    // g: 16 channels of 16 keys.
    for (var g = 0u; g < KK_FD; g++) { // unroll
      for (var i = 0u; i < FM; i++) { // unroll
        if (g % FD == 0u) {
          p[i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, P_AT + (sm + i * 16u) * P_LINE + g / FD * 2u, P_LINE);
        }
      }
      if (g + V_AHEAD < KK_FD) {
        v[(g + V_AHEAD) % (V_AHEAD + 1u)] = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&kv,
          v_from[min((g + V_AHEAD) / FD, 1u)] + (g + V_AHEAD) % FD * TILE, 2u);
      }
      for (var i = 0u; i < FM; i++) { // unroll
        o[i * FD + g % FD] = subgroupMatrixMultiplyAccumulate(p[i], v[g % (V_AHEAD + 1u)], o[i * FD + g % FD]);
      }
    }
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, s[i], S_LINE);
    }
    block += 2u;
    k_from = min(block + 2u + sn, last) * TILE_ROW + k_at;
    for (var d = 0u; d < K_AHEAD; d++) { // unroll
      k[d] = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&kv, k_from + d * TILE, 2u);
    }
    workgroupBarrier();
  }

  sum += subgroupShuffleXor(sum, 16u);
  set_keep(row, 1.0 / sum);
  let own_head = head_of(wg.x, row / ROWS);
  if (half == 0u && own < tile.y && own_head / GROUP == group) { put_lse(own, own_head, top, sum); }
  for (var j = 0u; j < FD; j++) { // unroll
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, o[i * FD + j], S_LINE);
    }
    workgroupBarrier();
    // 8 channels of one query: matrix j of the first half of the channels, then of the second.
    for (var i = t; i < HEADS * ROWS * 4u; i += T) {
      let m = i / 4u;
      let query = tile.x + m % ROWS;
      let head = head_of(wg.x, m / ROWS);
      if (query < tile.y && head / GROUP == group) {
        let at = S_AT + m * S_LINE + i % 4u * 2u;
        let low = vec4<f16>(bitcast<vec4<f32>>(memory[at]) * keep(m));
        let next = vec4<f16>(bitcast<vec4<f32>>(memory[at + 1u]) * keep(m));
        let c = i % 4u / 2u * (D8 / 2u) + j * 2u + i % 2u;
        y[(query * H + head) * D8 + c] = vec4(bitcast<vec2<u32>>(low), bitcast<vec2<u32>>(next));
      }
    }
    workgroupBarrier();
  }
}
