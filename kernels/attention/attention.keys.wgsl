// dk[j, g, :] = Σ ds q / sqrt(D) and dv[j, g, :] = Σ p dy over the heads of group g, and over the queries from j to the
// end of j's sequence, always in the same order. Layouts and constants: attention.backward.wgsl, which is included.
//
//   starts  u32 [S + 1]   where sequences end
//
// Tiles of keys are the forward's tiles of queries; a sequence's first one,
// which has the most queries to stream, starts first.

@group(0) @binding(3) var<storage, read> along: array<f32>;
@group(0) @binding(7) var<storage, read> starts: array<u32>;

// (lse, D)
var<workgroup> streamed: array<vec2<f32>, KEYS>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let group = wg.x;
  let tile = tiles[wg.y];
  let end = starts[tile.w + 1u];
  let lane = t % ROWS;
  let part = t / ROWS;
  let rounds = KEYS * select(1u, min(1u, dim.x), ROLLED);

  let row = min(tile.x + lane, tile.y - 1u);
  let own = row * WIDTH + (H + group) * D4 + part * SLICE;
  var k: Slice;
  var v: Slice;
  var dk: Slice;
  var dv: Slice;
  for (var j = 0u; j < SLICE; j++) {
    k[j] = vec4<f32>(qkv[own + j]) * SCALE;
    v[j] = vec4<f32>(qkv[own + KV * D4 + j]);
  }

  for (var head = group * (H / KV); head < (group + 1u) * (H / KV); head++) {
    for (var base = tile.x; base < end; base += KEYS) {
      for (var i = t; i < KEYS * D4; i += WG) {
        // Past the end the last query is repeated: it is masked, and finite.
        let query = min(base + i / D4, end - 1u);
        staged[i] = vec4<f32>(qkv[query * WIDTH + head * D4 + i % D4]);
        staged[KEYS * D4 + i] = vec4<f32>(dy[(query * H + head) * D4 + i % D4]);
      }
      if (t < KEYS) {
        let at = min(base + t, end - 1u) * H + head;
        streamed[t] = vec2(lse[at], along[at]);
      }
      workgroupBarrier();
      for (var n = 0u; n < rounds; n++) {
        let at = part * BLOCK + n * ROWS + lane;
        shares[at] = share(&k, n * D4 + part * SLICE);
        shares[PARTS * BLOCK + at] = share(&v, (KEYS + n) * D4 + part * SLICE);
      }
      workgroupBarrier();
      for (var i = t; i < BLOCK; i += WG) {
        let o = streamed[i / ROWS];
        let query = base + i / ROWS;
        let w = pair(i);
        let p = select(0.0, exp2(w.x - o.x), query < end && tile.x + i % ROWS <= query);
        shares[i] = p;
        shares[PARTS * BLOCK + i] = p * (w.y - o.y);
      }
      workgroupBarrier();
      for (var n = 0u; n < rounds; n++) {
        let p = shares[n * ROWS + lane];
        let ds = shares[PARTS * BLOCK + n * ROWS + lane];
        for (var j = 0u; j < SLICE; j++) {
          let at = n * D4 + part * SLICE + j;
          dk[j] += ds * staged[at];
          dv[j] += p * staged[KEYS * D4 + at];
        }
      }
      workgroupBarrier();
    }
  }

  if (tile.x + lane < tile.y) {
    for (var j = 0u; j < SLICE; j++) {
      dqkv[own + j] = Vec(dk[j] * INVERSE_ROOT);
      dqkv[own + KV * D4 + j] = Vec(dv[j]);
    }
  }
}
