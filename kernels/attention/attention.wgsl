// Causal attention within each sequence of a packed batch, with grouped heads (Vaswani et al. 2017; Ainslie et al.
// 2023), by online softmax (Milakov and Gimelshein 2018; Dao et al. 2022): no score leaves the workgroup.
//
//   y[t, h, :] = sum_j p[j] v[j, g, :] / sum_j p[j],  p[j] = exp(q[t, h, :] . k[j, g, :] / sqrt(D)),  g = h KV / H,
//   over the keys j from the first row of t's sequence up to t
//
//   qkv    Elem [T, (H + 2 KV) D]   q heads, k heads, v heads
//   tiles  u32  [n, 4]              queries of one sequence: (first row, one past the last, sequence's first row, sequence)
//   y      Elem [T, H D]
//   dim.x  n
//   lse.kept.wgsl or lse.none.wgsl
//
// A workgroup takes one head and the queries of one tile, at most ROWS. A thread has EACH of these queries and
// D / PARTS of their channels, q and o, in registers. KEYS keys at a time, K and then V are staged in the same
// workgroup memory: a thread finds its channels' share of every score; the shares are added up and masked; then it
// adds up its channels of the values. Threads of one part are neighbours, so a SIMD group reads one staged vector
// at a time, a single access everywhere, and uses it for EACH queries. Each of the PARTS threads of a query takes
// the exponentials itself: cheaper than one more barrier. The batch's last tiles start first: in a long sequence
// they have the most keys.
//
// Scores are in units of log2, so that exp is exp2. LOWEST is finite, so no infinity is subtracted from another;
// every query sees its sequence's first key in the first round, so LOWEST is gone before it could weigh anything.
// Loops marked `unroll` are written out, so that q and o are registers on every driver: SwiftShader is four times as
// fast for it. Loops over keys run from `base`, so that their length is unknown when compiled: unrolled, they take
// lavapipe seconds to compile, and win nothing.
// Constants: H, KV, D4 (D / 4), ROWS, EACH, PARTS, KEYS, SCALE (log2(e) / sqrt(D), f32). Alias: Vec (vec4 of Elem).

@group(0) @binding(0) var<storage, read> qkv: array<Vec>;
@group(0) @binding(1) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> y: array<Vec>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;

const LANES = ROWS / EACH;
const WG = LANES * PARTS;
const SLICE = D4 / PARTS;
const WIDTH = (H + 2u * KV) * D4;
const LOWEST = -1e30;

var<workgroup> staged: array<vec4<f32>, KEYS * D4>;
// [part][key][query]: shares of scores; the first part's become the scores.
var<workgroup> scores: array<f32, PARTS * KEYS * ROWS>;

fn stage(head: u32, row: u32, count: u32, t: u32) {
  for (var i = t; i < count * D4; i += WG) {
    staged[i] = vec4<f32>(qkv[(row + i / D4) * WIDTH + head * D4 + i % D4]);
  }
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let head = wg.x;
  let kHead = H + head * KV / H;
  let tile = tiles[dim.x - 1u - wg.y];
  let lane = t % LANES;
  let part = t / LANES;

  var q: array<array<vec4<f32>, SLICE>, EACH>;
  var o: array<array<vec4<f32>, SLICE>, EACH>;
  var sum: array<f32, EACH>;
  var top: array<f32, EACH>;
  for (var n = 0u; n < EACH; n++) { // unroll
    // A short tile's idle threads compute its last query again and drop it, so that barriers stay uniform.
    let row = min(tile.x + n * LANES + lane, tile.y - 1u);
    for (var j = 0u; j < SLICE; j++) { // unroll
      q[n][j] = vec4<f32>(qkv[row * WIDTH + head * D4 + part * SLICE + j]) * SCALE;
    }
    top[n] = LOWEST;
  }

  let keys = tile.y - tile.z;
  for (var base = 0u; base < keys; base += KEYS) {
    let end = min(base + KEYS, keys);
    stage(kHead, tile.z + base, end - base, t);
    workgroupBarrier();

    for (var key = base; key < end; key++) {
      var s = array<f32, EACH>();
      for (var j = 0u; j < SLICE; j++) { // unroll
        let k = staged[(key - base) * D4 + part * SLICE + j];
        for (var n = 0u; n < EACH; n++) { // unroll
          s[n] += dot(q[n][j], k);
        }
      }
      for (var n = 0u; n < EACH; n++) { // unroll
        scores[(part * KEYS + key - base) * ROWS + n * LANES + lane] = s[n];
      }
    }
    workgroupBarrier();

    stage(kHead + KV, tile.z + base, end - base, t);
    for (var i = t; i < (end - base) * ROWS; i += WG) {
      var s = 0.0;
      for (var p = 0u; p < PARTS; p++) { s += scores[p * KEYS * ROWS + i]; }
      scores[i] = select(LOWEST, s, base + i / ROWS <= tile.x - tile.z + i % ROWS);
    }
    workgroupBarrier();

    for (var n = 0u; n < EACH; n++) { // unroll
      let before = top[n];
      for (var key = base; key < end; key++) { top[n] = max(top[n], scores[(key - base) * ROWS + n * LANES + lane]); }
      let keep = exp2(before - top[n]);
      sum[n] *= keep;
      for (var j = 0u; j < SLICE; j++) { // unroll
        o[n][j] *= keep;
      }
    }
    for (var key = base; key < end; key++) {
      var p = array<f32, EACH>();
      for (var n = 0u; n < EACH; n++) { // unroll
        p[n] = exp2(scores[(key - base) * ROWS + n * LANES + lane] - top[n]);
        sum[n] += p[n];
      }
      for (var j = 0u; j < SLICE; j++) { // unroll
        let v = staged[(key - base) * D4 + part * SLICE + j];
        for (var n = 0u; n < EACH; n++) { // unroll
          o[n][j] += p[n] * v;
        }
      }
    }
    workgroupBarrier();
  }

  for (var n = 0u; n < EACH; n++) { // unroll
    let row = tile.x + n * LANES + lane;
    if (row < tile.y) {
      for (var j = 0u; j < SLICE; j++) { // unroll
        y[(row * H + head) * D4 + part * SLICE + j] = Vec(o[n][j] / sum[n]);
      }
      if (part == 0u) { put_lse(row, head, top[n], sum[n]); }
    }
  }
}
