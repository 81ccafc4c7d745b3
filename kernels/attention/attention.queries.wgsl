// dq[t, h, :] = Σj ds[j] k[j] / sqrt(D) over the keys j from the first row of t's sequence up to t, and D, which
// attention.keys.wgsl reads. Layouts and constants: attention.backward.wgsl, which is included.
//
//   y  Elem [T, H D]

@group(0) @binding(3) var<storage, read_write> along: array<f32>;
@group(0) @binding(7) var<storage, read> y: array<Vec>;

// (lse, D)
var<workgroup> owned: array<vec2<f32>, ROWS>;

fn stage(to: u32, head: u32, row: u32, count: u32, t: u32) {
  for (var i = t; i < KEYS * D4; i += WG) {
    // Past the end the last key is repeated: it is masked, and finite.
    staged[to + i] = vec4<f32>(qkv[(row + min(i / D4, count - 1u)) * WIDTH + head * D4 + i % D4]);
  }
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let head = wg.x;
  let kHead = H + head * KV / H;
  let tile = tiles[dim.x - 1u - wg.y];
  let keys = tile.y - tile.z;
  let lane = t % ROWS;
  let part = t / ROWS;
  let rounds = KEYS * select(1u, min(1u, dim.x), ROLLED);

  // A short tile's idle threads compute its last query again and drop it, so that barriers stay uniform.
  let row = min(tile.x + lane, tile.y - 1u);
  var q: Slice;
  var d: Slice;
  var dq: Slice;
  var own = 0.0;
  for (var j = 0u; j < SLICE; j++) {
    q[j] = vec4<f32>(qkv[row * WIDTH + head * D4 + part * SLICE + j]) * SCALE;
    d[j] = vec4<f32>(dy[(row * H + head) * D4 + part * SLICE + j]);
    own += dot(d[j], vec4<f32>(y[(row * H + head) * D4 + part * SLICE + j]));
  }
  shares[part * ROWS + lane] = own;
  workgroupBarrier();
  own = 0.0;
  for (var p = 0u; p < PARTS; p++) { own += shares[p * ROWS + lane]; }
  if (part == 0u) {
    owned[lane] = vec2(lse[row * H + head], own);
    if (tile.x + lane < tile.y) { along[row * H + head] = own; }
  }
  workgroupBarrier();

  for (var base = 0u; base < keys; base += KEYS) {
    stage(0u, kHead, tile.z + base, keys - base, t);
    stage(KEYS * D4, kHead + KV, tile.z + base, keys - base, t);
    workgroupBarrier();
    for (var k = 0u; k < rounds; k++) {
      let at = part * BLOCK + k * ROWS + lane;
      shares[at] = share(&q, k * D4 + part * SLICE);
      shares[PARTS * BLOCK + at] = share(&d, (KEYS + k) * D4 + part * SLICE);
    }
    workgroupBarrier();
    for (var i = t; i < BLOCK; i += WG) {
      let o = owned[i % ROWS];
      let v = pair(i);
      let p = select(0.0, exp2(v.x - o.x), tile.z + base + i / ROWS <= tile.x + i % ROWS);
      shares[i] = p * (v.y - o.y);
    }
    workgroupBarrier();
    for (var k = 0u; k < rounds; k++) {
      let ds = shares[k * ROWS + lane];
      for (var j = 0u; j < SLICE; j++) { dq[j] += ds * staged[k * D4 + part * SLICE + j]; }
    }
    workgroupBarrier();
  }

  if (tile.x + lane < tile.y) {
    for (var j = 0u; j < SLICE; j++) { dqkv[row * WIDTH + head * D4 + part * SLICE + j] = Vec(dq[j] * INVERSE_ROOT); }
  }
}
